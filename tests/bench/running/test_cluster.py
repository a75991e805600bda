"""Work done elsewhere: rows are those of a run in one process, whatever becomes of workers."""

import csv
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import submitit

import bench
from bench.cli import main
from bench.running import cluster, parcel, slurm
from bench.running.entrants import model_entrants
from bench.running.evaluate import Task
from bench.running.request import Request
from bench.running.run import run
from bench.running.shards import Shard
from bench.store.header import read_header
from bench.store.table import SHARDS, pictures_table, writing
from sr_models.data.errors import InputError
from sr_models.data.image import read_image, write_image
from sr_models.shipped import weights_path

N = 6


class Slow:
    """Nearest neighbour in a tenth of a second."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, lr):
        time.sleep(0.1)
        if lr[0, 0].max() == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return lr.repeat(self.scale, 0).repeat(self.scale, 1)


Slow.version = "1"
SLOW = f"slow={__name__}:Slow"
ESPCN = f"mine={weights_path('espcn')}"


@pytest.fixture
def folder(tmp_path, photo):
    for n in range(N):
        part = photo[4 * n : 4 * n + 48, 8 * n : 8 * n + 48].copy()
        part[:4, :4] = 90
        write_image(tmp_path / "pictures" / f"p{n}.png", part)
    return tmp_path / "pictures"


@pytest.fixture
def request_(tmp_path, folder):
    return Request(
        tmp_path / "out",
        datasets=(f"mine={folder}",),
        models=("nearest", "bicubic", SLOW, ESPCN),
        metrics=("psnr", "gmsd"),
        device="cpu",
    )


@pytest.fixture
def undisturbed(request_, tmp_path):
    """Rows and pictures of the same run in one process."""
    alone = replace(request_, results=tmp_path / "alone", cluster="")
    assert run(alone).failures == []
    return rows(alone.results), list(pictures_table(alone.results))


def rows(folder: Path) -> list[list[str]]:
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.reader(file))


def made(folder: Path):
    for saved in pictures_table(folder):
        read_image(folder / "images" / saved.path)
    return rows(folder), list(pictures_table(folder))


def test_any_executor_gives_the_same_rows(request_, undisturbed):
    with ThreadPoolExecutor(2) as executor:
        assert run(request_, executor).failures == []
        assert made(request_.results) == undisturbed
        again = run(request_, executor)
    assert again.computed == 0


def test_the_python_door_takes_an_executor(folder, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        there = bench.run([f"mine={folder}"], ["bicubic"], executor=executor)
    here = bench.run([f"mine={folder}"], ["bicubic"])
    assert there.scores["value"].tolist() == here.scores["value"].tolist()


ROOT = Path(__file__).parents[3]


class Hiding(ThreadPoolExecutor):
    """Workers on whose machine the caller's folders are empty while they work."""

    def __init__(self, *folders):
        super().__init__(1)
        self.folders = folders

    def submit(self, function, /, *args, **kwargs):
        return super().submit(self._hidden, function, *args, **kwargs)

    def _hidden(self, function, *args, **kwargs):
        for folder in self.folders:
            folder.rename(folder.with_name(f"{folder.name}-hidden"))
        try:
            return function(*args, **kwargs)
        finally:
            for folder in self.folders:
                folder.with_name(f"{folder.name}-hidden").rename(folder)


def test_no_shared_folder_is_needed(request_, undisturbed, tmp_path, folder, monkeypatch):
    """One unit at a time, so that only the worker ever meets the empty places."""
    monkeypatch.setattr(
        "bench.running.run.Away", lambda executor, *_, **__: cluster.Away(executor, 1, most=1)
    )
    weights = tmp_path / "weights" / "espcn.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(weights_path("espcn").read_bytes())
    request = replace(request_, models=("nearest", "bicubic", SLOW, f"mine={weights}"))
    with Hiding(folder, weights.parent, request.results / "images") as executor:
        (request.results / "images").mkdir(parents=True)
        assert run(replace(request, metrics=("psnr",)), executor).failures == []
        assert run(request, executor).failures == []
    assert made(request.results) == undisturbed


def test_weights_travel_once_to_a_worker_not_with_every_picture(request_, undisturbed, monkeypatch):
    brought = []
    with_contents = parcel.Parcel.with_contents
    monkeypatch.setattr(parcel, "_is_shared", lambda *_: False)
    monkeypatch.setattr(
        parcel.Parcel,
        "with_contents",
        lambda self, wanted: brought.append(wanted) or with_contents(self, wanted),
    )
    parcel._own_folder.cache_clear()
    with ThreadPoolExecutor(4) as executor:
        assert run(request_, executor).failures == []
    assert len(brought) == 1
    assert made(request_.results) == undisturbed


def test_a_worker_with_another_version_of_a_model_is_refused(request_):
    entrant = replace(model_entrants(["espcn"], 4)[0], version="old")
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(InputError, match="has another espcn: expected version old"),
    ):
        run(replace(request_, models=(entrant,)), executor)


def test_a_picture_that_kills_its_worker_is_named_and_the_rest_goes_on(request_, folder, photo):
    black = photo[:48, :48].copy()
    black[:16, :16] = 0
    write_image(folder / "p2.png", black)
    summary = run(replace(request_, models=("bicubic", SLOW), metrics=("psnr",), jobs=2))
    assert len(summary.failures) == 1
    assert summary.failures[0].startswith(
        "slow on mine/p2: its worker died twice, perhaps for want of memory"
    )
    assert summary.computed == 2 * N - 1


def test_several_devices_share_the_work_and_give_the_same_rows(request_, undisturbed, monkeypatch):
    """On a CPU torch takes cpu:0 and cpu:1 for two."""
    seen = []
    on = Task.on

    def noted(self, device):
        seen.append(device)
        return on(self, device)

    monkeypatch.setattr(Task, "on", noted)
    request = replace(request_, device="cpu:0", devices=("cpu:0", "cpu:1"))
    assert run(request).failures == []
    assert made(request.results) == undisturbed
    assert read_header(request.results).invocations[-1].device.kind == "cpu"
    assert set(seen) == {"cpu:0", "cpu:1"}


def test_shards_are_folded_by_the_next_call(request_, undisturbed):
    for i in range(2):
        summary = run(replace(request_, shard=Shard(i, 2)))
        assert summary.failures == []
        assert summary.computed == len(undisturbed[0][1:]) // 2
    summary = run(request_)
    assert (summary.folded, summary.computed) == (2, 0)
    assert made(request_.results) == undisturbed
    assert not (request_.results / SHARDS).exists()
    assert len(read_header(request_.results).invocations) == 3


def test_a_shard_knows_what_the_whole_run_has_and_goes_on_where_it_stopped(request_, undisturbed):
    run(replace(request_, limit=2))
    first = replace(request_, shard=Shard(0, 2))
    assert run(first).computed == 2 * 4 * 2  # p2 and p4: p0 is there
    assert run(first).computed == 0
    summary = run(request_)
    assert (summary.folded, summary.computed) == (1, 2 * 4 * 2)  # p3 and p5
    assert made(request_.results) == undisturbed


def test_a_strangers_file_beside_the_shards_does_not_stop_the_folding(request_):
    run(replace(request_, shard=Shard(0, 1)))
    stray = request_.results / SHARDS / ".DS_Store"
    stray.touch()
    assert run(request_).folded == 1
    assert [path.name for path in stray.parent.iterdir()] == [".DS_Store"]


def test_a_shard_that_is_being_written_is_not_folded(request_):
    run(replace(request_, shard=Shard(0, 2)))
    with (
        writing(Shard(0, 2).folder(request_.results)),
        pytest.raises(InputError, match="another run is writing"),
    ):
        run(request_)


@pytest.fixture
def local_slurm(monkeypatch):
    """--cluster slurm, with submitit's local executor in SLURM's place."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))
    monkeypatch.setattr(slurm, "_TOGETHER_SECONDS", 0.3)
    monkeypatch.setattr(slurm, "_POLL_SECONDS", 0.1)

    class Local(submitit.LocalExecutor):
        def __init__(self, folder, python):
            super().__init__(folder)

        def update_parameters(self, **options):
            assert options == {"job_name": "bench", "partition": "gpu", "time": 10}
            super().update_parameters(timeout_min=options["time"])

    monkeypatch.setattr(submitit, "SlurmExecutor", Local)
    started = set()

    def ended(jobs):
        started.update(job._process for job in jobs)
        return {job.job_id for job in jobs if job.done()}

    monkeypatch.setattr(slurm, "Queue", lambda: ended)
    yield
    for process in started:
        process.wait()


def test_slurm_jobs_give_the_same_rows(request_, undisturbed, local_slurm):
    request = replace(request_, cluster="slurm", slurm={"partition": "gpu", "time": "10"}, jobs=2)
    assert run(request).failures == []
    assert made(request.results) == undisturbed
    assert not (request.results / "slurm").exists()


def test_a_slurm_job_that_dies_is_tried_again_and_the_picture_named(request_, folder, photo, local_slurm):
    black = photo[:48, :48].copy()
    black[:16, :16] = 0
    write_image(folder / "p2.png", black)
    request = replace(
        request_,
        cluster="slurm",
        slurm={"partition": "gpu", "time": "10"},
        jobs=2,
        models=(SLOW,),
        metrics=("psnr",),
    )
    summary = run(request)
    assert len(summary.failures) == 1
    assert summary.failures[0].startswith("slow on mine/p2: its worker died twice")
    assert summary.computed == N - 1


class StrangeError(Exception):
    """What pickle can write and not read: it is built from two things, and keeps one text."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def strange():
    raise StrangeError("this", "that")


class AtOnce:
    """A submitit executor that runs each job when it comes."""

    def __init__(self, folder):
        self.folder = folder

    def batch(self):
        return nullcontext()

    def submit(self, job):
        job()
        return SimpleNamespace(job_id="7", paths=SimpleNamespace(result_pickle=self.folder))


def test_an_answer_that_cannot_be_read_fails_its_call_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "_TOGETHER_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "_POLL_SECONDS", 0.01)
    with slurm.arrays(AtOnce(tmp_path), tmp_path / "slurm", 1, lambda _: ()) as executor:
        broken, whole = executor.submit(strange), executor.submit(len, "four")
        assert whole.result(timeout=20) == 4
        assert isinstance(broken.exception(timeout=20), TypeError)  # pickle's


def test_a_job_has_ended_when_squeue_lists_it_no_more_twice(monkeypatch):
    """Array jobs are listed as ID_INDEX; a controller that does not answer says nothing."""
    answers = iter([(0, "7_0\n7_1\n"), (0, "7_1\n"), (1, ""), (0, "7_1\n"), (0, "7_1\n")])

    def squeue(command, **_):
        code, out = next(answers)
        return subprocess.CompletedProcess(command, code, out, "")

    monkeypatch.setattr(slurm.subprocess, "run", squeue)
    monkeypatch.setattr(slurm, "_QUEUE_SECONDS", 0.0)
    jobs = [SimpleNamespace(job_id="7_0"), SimpleNamespace(job_id="7_1")]
    queue = slurm.Queue()
    assert [set(queue(jobs)) for _ in range(5)] == [set(), set(), set(), {"7_0"}, {"7_0"}]


def test_a_requeued_job_does_not_answer_twice(tmp_path):
    import cloudpickle

    def call(name):
        with (tmp_path / "log").open("a") as file:
            file.write(name)
        return name

    for name in "ab":
        (tmp_path / f"{name}.call").write_bytes(cloudpickle.dumps((call, (name,), {})))
    job = slurm.Job(tmp_path, ("a", "b"))
    slurm.Job(tmp_path, ("a",))()  # killed after the first
    again = job.checkpoint()
    again.function()
    assert (tmp_path / "log").read_text() == "ab"


@pytest.fixture
def scheduler():
    """The address of a Dask scheduler with two workers, and their processes."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
        "OMP_NUM_THREADS": "1",
    }
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    try:
        first = start(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"
        )
        line = next(line for line in first.stderr if "Scheduler at:" in line)
        address = line.split()[-1]
        options = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1"]
        workers = [start("distributed.cli.dask_worker", address, *options) for _ in range(2)]
        yield address, workers
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stderr.close()


def test_a_dask_worker_killed_in_the_middle_changes_nothing(request_, undisturbed, scheduler, monkeypatch):
    address, workers = scheduler
    kept = []
    from bench.running import run as module

    def noticed(outcome, tables, summary, keep=module._keep):
        keep(outcome, tables, summary)
        kept.append(outcome)
        if len(kept) == 5:
            workers[0].kill()

    monkeypatch.setattr(module, "_keep", noticed)
    assert run(replace(request_, cluster=address)).failures == []
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert made(request_.results) == undisturbed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--cluster", "10.0.0.1"], "cluster: expected tcp://HOST:PORT of a Dask scheduler, or slurm, got"),
        (["--cluster", "tcp://127.0.0.1:9"], "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (["--slurm", "partition=gpu"], "slurm: options such as partition=gpu need --cluster slurm"),
        (
            ["--cluster", "slurm", "--slurm", "gpu"],
            "slurm: expected KEY=VALUE such as partition=gpu, got 'gpu'",
        ),
        (["--cluster", "slurm", "--slurm", "colour=red"], "slurm: "),
        (["--shard", "2/2"], "shard: expected I/N with I from 0 to N - 1, such as 0/4, got '2/2'"),
        (["--shard", "one"], "shard: expected I/N"),
        (["--shard", "0/2", "--profile"], "profile: models are measured once"),
        (["--device", "cuda:0", "cpu"], "device: expected several different devices of one kind"),
        (["--device", "cpu:1", "cpu:1"], "device: expected several different devices of one kind"),
        (["--device", "cuda:7"], "no device 'cuda:7' here"),
        (["--device", "cpu:0", "cpu:1", "--cluster", "slurm"], "device: expected one with --cluster"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys, monkeypatch, arguments, complaint):
    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 1)
    assert main(["run", "--models", "nearest", "--results", str(tmp_path / "out"), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"bench run: {complaint}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "address", "extra"), [("distributed", "tcp://h:1", "dask"), ("submitit", "slurm", "slurm")]
)
def test_a_missing_extra_is_named(tmp_path, capsys, monkeypatch, package, address, extra):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["run", "--results", str(tmp_path), "--cluster", address]) == 2
    assert f"pip install -e '.[{extra}]'" in capsys.readouterr().err


def test_slurm_without_slurm_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["run", "--results", str(tmp_path / "out"), "--cluster", "slurm"]) == 2
    assert "expected sbatch, srun and squeue here" in capsys.readouterr().err


def test_a_scheduler_without_workers_is_one_line(tmp_path, capsys, monkeypatch, scheduler):
    address, workers = scheduler
    for worker in workers:
        worker.kill()
        worker.wait()
    monkeypatch.setattr(cluster, "_WORKER_SECONDS", 0.2)
    time.sleep(0.5)
    assert main(["run", "--results", str(tmp_path), "--cluster", address]) == 2
    assert f"no workers at {address}: start some with `dask worker" in capsys.readouterr().err


def test_the_command_runs_a_shard_and_folds_it(tmp_path, capsys):
    arguments = ["run", "--models", "nearest", "--results", str(tmp_path)]
    assert main([*arguments, "--shard", "0/2"]) == 0
    error = capsys.readouterr().err
    assert "run without --shard to fold the parts together" in error
    assert f"all in {tmp_path / 'shards' / '0-of-2'}" in error
    assert not (tmp_path / "tables").exists()
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "| nearest |" in out
    assert "1 shard folded in" in err

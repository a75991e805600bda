import csv
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.running.request import Request
from bench.running.run import run
from bench.store.header import read_header
from bench.store.rows import UNTRUSTED
from bench.store.table import pictures_table, read_scores, scores_table, writing
from sr_models.data.errors import InputError
from sr_models.data.image import is_grey_file, read_image, to_grey, write_image


@dataclass
class Twice:
    """Nearest neighbour, slowly; fails on pictures that begin with a black pixel."""

    scale: int

    def __call__(self, lr):
        time.sleep(0.02)
        if not lr[0, 0].any():
            raise ZeroDivisionError("a black corner")
        return lr.repeat(self.scale, 0).repeat(self.scale, 1)


def slow(scale):
    return Twice(scale)


slow.version = "1"


def unversioned(scale):
    return Twice(scale)


def wrong_size(scale):
    return Twice(scale + 1)


BUILT = []


def counted(scale):
    BUILT.append(scale)
    return Twice(scale)


SLOW = f"slow={__name__}:slow"


@pytest.fixture
def folder(tmp_path, photo):
    pictures = tmp_path / "pictures"
    for n in range(6):
        part = photo[4 * n : 4 * n + 48, 8 * n : 8 * n + 48].copy()
        part[:4, :4] = 90
        write_image(pictures / f"p{n}.png", part)
    return pictures


@pytest.fixture
def request_(tmp_path, folder):
    return Request(tmp_path / "out", datasets=(f"mine={folder}",), models=("nearest", "bicubic"))


def rows(folder: Path) -> list[list[str]]:
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_scores_are_one_sorted_row_a_number(request_):
    summary = run(request_)
    head, *body = rows(request_.results)
    assert head == [
        "model", "variant", "dataset", "scale", "lr", "image", "protocol", "metric",
        "value", "signature", "key",
    ]  # fmt: skip
    assert body == sorted(body)
    assert len(body) == summary.computed == 2 * 6 * 2
    assert all(repr(float(row[8])) == row[8] and len(row[10]) == 12 for row in body)


def test_a_finished_run_recomputes_nothing(request_, monkeypatch):
    run(request_)
    before = (request_.results / "scores.csv").read_bytes()
    for name in ("made_together", "scored"):
        monkeypatch.setattr(f"bench.running.workers.{name}", lambda *_: pytest.fail("computed again"))
    summary = run(request_)
    assert (summary.computed, summary.reused) == (0, 24)
    assert (request_.results / "scores.csv").read_bytes() == before


def test_a_run_that_computes_nothing_imports_nothing_heavy(request_):
    out = str(request_.results)
    models = ["--models", *request_.models]
    arguments = ["run", "--datasets", *request_.datasets, *models, "--results", out, "--no-plots"]
    assert main(arguments) == 0
    heavy = {"torch", "scipy.special", "pandas", "matplotlib", "numba"}
    code = f"import sys; from bench.cli import main; main({arguments}); print(*{heavy} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == f"0 scores computed; 24 reused; all in {out}\n"
    assert done.stdout.splitlines()[-1] == ""


def test_processes_give_the_same_rows_as_one(request_):
    run(request_)
    other = replace(request_, results=request_.results.with_name("jobs"), jobs=2)
    run(other)
    assert rows(other.results) == rows(request_.results)


def test_a_model_is_built_once_for_all_pictures(request_):
    run(replace(request_, models=(f"counted={__name__}:counted",)))
    assert BUILT == [4]


def test_with_several_jobs_no_model_is_built_in_the_main_process(request_, monkeypatch):
    monkeypatch.setattr("bench.running.entrants._built", lambda *_: pytest.fail("built here"))
    assert run(replace(request_, protocols=("matlab", "srcnn"), jobs=2)).computed == 2 * 6 * 2 + 6 * 2


def test_a_changed_picture_replaces_its_rows_and_the_run_says_how_many(request_, folder, photo):
    run(request_)
    write_image(folder / "p3.png", photo[30:78, 60:108])
    summary = run(request_)
    assert (summary.computed, summary.replaced, summary.reused) == (4, 4, 20)


def test_a_new_metric_does_not_upscale_again(request_, monkeypatch):
    run(replace(request_, metrics=("psnr",)))
    monkeypatch.setattr(
        "bench.running.entrants.ModelEntrant.upscale", lambda *_: pytest.fail("upscaled again")
    )
    assert run(request_).computed == 12


def test_a_picture_that_was_tampered_with_is_made_again(request_):
    run(replace(request_, metrics=("psnr",)))
    path = request_.results / "images/bicubic/mine/x4/p0.png"
    good = path.read_bytes()
    write_image(path, np.zeros((48, 48, 3), np.uint8))
    run(request_)
    assert path.read_bytes() == good


def test_force_computes_everything_anew(request_):
    run(request_)
    assert run(replace(request_, force=True)).computed == 24


def test_a_factory_without_a_version_is_never_trusted(request_):
    request = replace(request_, models=(f"mine={__name__}:unversioned",))
    run(request)
    assert {score.key for score in read_scores(request.results)} == {UNTRUSTED}
    assert run(request).computed == 12


def test_a_factory_with_a_version_is(request_):
    request = replace(request_, models=(SLOW,))
    run(request)
    assert run(request).computed == 0


def test_one_bad_picture_does_not_sink_the_run(request_, folder):
    (folder / "bad.png").write_bytes(b"not a picture")
    summary = run(request_)
    assert summary.computed == 24
    (failure,) = summary.failures  # once, not for every model
    assert failure == f"mine/bad: {folder / 'bad.png'}: not a PNG, TIFF, JPEG, BMP or WebP picture"
    assert run(replace(request_, jobs=2)).failures == [failure]


def test_a_model_that_fails_on_one_picture_is_reported_by_name(request_, folder, photo):
    black = photo[:48, :48].copy()
    black[:8, :8] = 0
    write_image(folder / "p0.png", black)
    summary = run(replace(request_, models=(SLOW,)))
    assert summary.computed == 10
    assert len(summary.failures) == 1
    assert summary.failures[0].startswith("slow on mine/p0: ZeroDivisionError: a black corner (test_run.py:")


def test_a_model_of_the_wrong_scale_is_told_what_was_wanted(request_):
    summary = run(replace(request_, models=(f"big={__name__}:wrong_size",)))
    assert "output of big: expected uint8 (48, 48, 3), got uint8 (60, 60, 3)" in summary.failures[0]


def test_a_grey_picture_is_saved_as_one_channel_and_scored_on_it(request_, folder, photo):
    write_image(folder / "p0.png", photo[:48, :48], grey=True)
    run(request_)
    for model in ("hr", "nearest", "bicubic"):
        assert is_grey_file(request_.results / f"images/{model}/mine/x4/p0.png")


def test_what_is_scored_is_what_is_saved(request_):
    """PSNR of the saved files by hand."""
    run(request_)
    images = request_.results / "images"
    sr, hr = (read_image(images / f"{model}/mine/x4/p1.png") for model in ("bicubic", "hr"))
    luma = [np.rint(16 + (x @ [65.481, 128.553, 24.966]) / 255)[4:-4, 4:-4] for x in (sr, hr)]
    expected = 10 * math.log10(255**2 / np.mean((luma[0] - luma[1]) ** 2))
    row = scores_table(request_.results).get(("bicubic", "", "mine", 4, "matlab", "p1", "matlab", "psnr"))
    assert row is not None
    assert row.value == pytest.approx(expected, abs=1e-9)


def test_pictures_made_elsewhere_are_paired_by_name(request_, folder, tmp_path):
    for path in sorted(folder.iterdir(), reverse=True):
        write_image(tmp_path / "theirs" / f"{path.stem}_x4.png", read_image(path))
    summary = run(
        replace(request_, models=(), outputs=(f"copy={tmp_path / 'theirs'}",), pattern="{image}_x4.png")
    )
    assert summary.failures == []
    assert {score.value for score in read_scores(request_.results) if score.metric == "psnr"} == {math.inf}


def test_a_missing_and_a_misfitting_output_are_named(request_, folder, tmp_path):
    for n in range(5):
        write_image(tmp_path / "theirs" / f"p{n}.png", read_image(folder / f"p{n}.png")[: 48 - 4 * (n == 2)])
    summary = run(replace(request_, models=(), outputs=(f"copy={tmp_path / 'theirs'}",)))
    assert len(summary.failures) == 2
    assert "p2.png: expected 48x48 pixels, got 48x44" in summary.failures[0]
    assert "copy has no picture of mine/p5" in summary.failures[1]


def test_published_outputs_are_never_touched_not_even_made_grey(request_, folder, tmp_path, photo):
    for path in folder.iterdir():
        write_image(tmp_path / "theirs" / path.name, read_image(path))
    colour = read_image(folder / "p0.png")
    write_image(folder / "p0.png", colour, grey=True)
    run(replace(request_, models=(), outputs=(f"copy={tmp_path / 'theirs'}",)))
    saved = request_.results / "images/copy/mine/x4/p0.png"
    assert np.array_equal(read_image(saved), colour)
    row = scores_table(request_.results).get(("copy", "", "mine", 4, "matlab", "p0", "matlab", "psnr"))
    assert row is not None
    assert row.value == math.inf  # the RGB output is reduced by the rule that made HR grey
    assert np.array_equal(to_grey(colour), read_image(folder / "p0.png")[..., 0])


def test_a_protocol_that_does_not_apply_gives_no_row_and_is_not_tried_again(request_):
    request = replace(request_, protocols=("srcnn",))
    run(request)
    assert {score.model for score in read_scores(request.results)} == {"bicubic"}
    assert run(request).computed == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"models": ("bicubik",)}, "no model called 'bicubik'; did you mean bicubic"),
        ({"metrics": ("psnrr",)}, "did you mean psnr"),
        ({"protocols": ("srgann",)}, "did you mean srgan"),
        ({"lr": "bicubic"}, "no degradation called 'bicubic'"),
        ({"scale": 0}, "scale: expected"),
        ({"jobs": 0}, "jobs: expected"),
        ({"crop_multiple": 6}, "crop multiple: expected a multiple of the scale 4, got 6"),
        ({"models": ("a=b",)}, "expected NAME=module:function"),
        ({"models": ("a=no_such_module:f",)}, "no module called 'no_such_module'"),
        ({"models": ("a=math:nothing",)}, "math has no 'nothing'"),
        ({"models": ("a=math:pi",)}, "expected a function of the scale, got float"),
        ({"models": ("bicubic=math:sin",)}, "bicubic is a built-in model"),
        ({"models": ("a/b=math:sin",)}, "expected a name of letters"),
        ({"models": ("nearest",), "outputs": ("nearest={folder}",)}, "two models are called 'nearest'"),
        ({"outputs": ("srgan-authers",)}, "no published outputs called"),
        ({"outputs": ("srgan-authors",)}, "it covers Set14 x4, Set5 x4"),
        ({"outputs": ("a=nowhere",)}, "expected a folder of upscaled pictures"),
        ({"outputs": ("a=",)}, "expected NAME=FOLDER, got 'a='"),
        ({"outputs": ("a={folder}",), "pattern": "{picture}.png"}, "use {image} or {name}"),
        ({"outputs": ("a={folder}",), "pattern": "{image.png"}, "pattern"),
        ({"outputs": ("a={folder}",), "pattern": "{image}.gif"}, "holds none of the pictures"),
    ],
)
def test_a_mistake_is_one_sentence_before_anything_is_computed(request_, folder, change, complaint):
    change = {
        key: tuple(each.replace("{folder}", str(folder)) for each in value) if key == "outputs" else value
        for key, value in change.items()
    }
    with pytest.raises(InputError) as raised:
        run(replace(request_, **change))
    assert complaint in str(raised.value)
    assert not (request_.results / "scores.csv").exists()


def test_a_second_run_into_the_same_folder_is_refused(request_):
    with writing(request_.results), pytest.raises(InputError, match="another run is writing into"):
        run(request_)
    assert run(request_).computed == 24


def test_the_header_says_where_the_numbers_come_from(request_):
    run(request_)
    run(request_)
    header = json.loads((request_.results / "run.json").read_text())
    first, second = header["invocations"]
    assert first["scores"] == {"computed": 24, "reused": 0, "replaced": 0}
    assert second["scores"] == {"computed": 0, "reused": 24, "replaced": 0}
    assert set(header["models"]) == {"hr", "nearest", "bicubic"}
    assert first["versions"]["numpy"] == np.__version__


def test_a_torn_row_is_computed_again(request_):
    run(request_)
    whole = (request_.results / "scores.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    (request_.results / "scores.csv").write_bytes(b"".join(lines[:10]))
    journal = request_.results / ".scores.csv.journal"
    for tear in (1, 10, len(lines[10]) - 2):
        journal.write_bytes(b"".join(lines[11:13]) + lines[10][:tear])
        run(request_)
        assert (request_.results / "scores.csv").read_bytes() == whole
        assert not journal.exists()


def test_a_damaged_table_is_named_by_line(request_):
    run(request_)
    path = request_.results / "scores.csv"
    path.write_text(path.read_text().replace("bicubic,,mine,4", "bicubic,,mine,four", 1))
    with pytest.raises(InputError, match=r"scores\.csv, line 2: expected model, variant, "):
        run(request_)


def test_an_index_of_pictures_that_names_none_is_named_by_line(request_):
    run(request_)
    path = request_.results / "images" / "index.csv"
    path.write_text(path.read_text().replace("bicubic/mine/x4/", "bicubic/", 1))
    with pytest.raises(
        InputError, match=r"index\.csv, line 2: expected path, key, sha256: .*not model/dataset"
    ):
        run(request_)


@pytest.mark.parametrize("text", ["[]", "{}", '{"invocations": [5], "models": {}}', "{"])
def test_a_header_that_is_none_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json is not"):
        read_header(tmp_path)


def test_a_journal_torn_within_a_letter_is_read_and_a_table_is_not(request_):
    run(request_)
    path = request_.results / "scores.csv"
    rows = path.read_bytes()
    (request_.results / ".scores.csv.journal").write_bytes("bicubic,mine,4,matlab,caf\u00e9".encode()[:-1])
    run(request_)
    assert path.read_bytes() == rows
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        run(request_)


@pytest.mark.parametrize("metrics", [("psnr", "ssim"), ("psnr", "gmsd", "lr_psnr")])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_killed_at_random_points_ends_as_an_undisturbed_one(tmp_path, folder, jobs, metrics):
    """SIGKILL, again and again, until it gets through."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    dice = random.Random(jobs)
    assert _bench(undisturbed, folder, jobs, metrics).wait(timeout=120) == 0
    started = time.perf_counter()
    assert _bench(disturbed, folder, jobs, metrics).wait(timeout=120) == 0
    seconds = time.perf_counter() - started
    shutil.rmtree(disturbed)
    killed = 0
    for _ in range(6 if "ssim" in metrics else 3):  # picture metrics import torch each time
        process = _bench(disturbed, folder, jobs, metrics)
        time.sleep(dice.uniform(0.3, 0.9) * seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        elif not killed:  # the machine has become faster: again, and sooner
            shutil.rmtree(disturbed)
            seconds /= 2
        process.wait(timeout=30)
    assert killed
    assert _bench(disturbed, folder, jobs, metrics).wait(timeout=120) == 0
    assert rows(disturbed) == rows(undisturbed)
    assert list(pictures_table(disturbed)) == list(pictures_table(undisturbed))
    assert not list(disturbed.rglob(".*.partial"))
    for saved in pictures_table(disturbed):
        read_image(disturbed / "images" / saved.path)


def _bench(results, folder, jobs, metrics):
    program = "import sys; from bench.cli import main; sys.exit(main())"
    arguments = [
        "run",
        "--datasets",
        f"mine={folder}",
        "--models",
        "nearest",
        "bicubic",
        SLOW,
        "--metrics",
        *metrics,
    ]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--results", str(results), "--jobs", str(jobs)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_network_in_bf16_is_another_score_and_says_so(request_):
    """Another dtype is another variant: rows of its own."""
    request = replace(request_, models=("espcn",))
    run(request)
    before = {score.image: score.value for score in read_scores(request.results) if score.metric == "psnr"}
    summary = run(replace(request, models=("espcn", "bicubic"), dtype="bf16"))
    rows = [score for score in read_scores(request.results) if score.metric == "psnr"]
    after = {score.image: score.value for score in rows if score.method == "espcn@bf16"}
    assert (summary.computed, summary.replaced) == (24, 0)
    assert {score.method for score in rows} == {"espcn", "espcn@bf16", "bicubic"}  # bicubic is no network
    assert after != before
    assert after == pytest.approx(before, abs=0.5)
    header = json.loads((request.results / "run.json").read_text())
    assert [each["dtype"] for each in header["invocations"]] == ["fp32", "bf16"]


def test_a_device_that_is_not_there_is_named(request_):
    with pytest.raises(InputError, match="no device 'tpu7' here"):
        run(replace(request_, device="tpu7"))

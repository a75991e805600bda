"""bench from Python, as a notebook uses it."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

import bench
from bench.metric import METRICS
from bench.running.run import run as run_request
from sr_models.data.errors import InputError
from sr_models.data.image import write_image


def twice(lr):
    return lr.repeat(4, 0).repeat(4, 1)


def mean_error(sr, hr):
    return float(np.abs(sr.astype(int) - hr).mean())


mean_error.higher_is_better = False
mean_error.digits = 3


@pytest.fixture(autouse=True)
def _no_metric_stays():
    yield
    for name in ("mean_error", "always_nan", "lambda"):
        METRICS._items.pop(name, None)


@pytest.fixture
def folder(tmp_path, photo):
    for n in range(2):
        write_image(tmp_path / "in" / f"p{n}.png", np.ascontiguousarray(photo[8 * n : 8 * n + 64, :64]))
    return tmp_path / "in"


def test_the_examples_in_the_docstrings_hold(monkeypatch):
    monkeypatch.chdir(Path(bench.__file__).parents[1])
    failed, attempted = doctest.testmod(bench, extraglobs={"bench": bench})
    assert (failed, attempted > 8) == (0, True)


def test_the_snippet_of_a_notebook_runs(folder, tmp_path):
    run = bench.run(
        datasets={"mine": folder},
        models={"mine": twice, "bicubic": "bicubic"},
        metrics=["psnr", mean_error],
    )
    assert isinstance(run.scores, pd.DataFrame)
    assert len(run.scores) == 2 * 2 * 2
    assert run.scores.groupby(["model", "metric"])["value"].mean()["mine", "mean_error"] > 0
    assert "MEAN-ERROR" in run.table()
    compared = run.compare("mine", "bicubic")
    assert list(compared["metric"]) == ["psnr", "mean_error"]
    page = run.page(tmp_path / "page.html")
    assert page.read_text().startswith("<!doctype html>")
    assert run._repr_html_().startswith("<table>")
    again = bench.load(run.folder)
    assert again.scores.equals(run.scores)


def test_a_function_is_the_same_model_as_the_built_in_one(folder):
    run = bench.run({"mine": folder}, {"mine": twice, "nearest": "nearest"})
    values = run.scores.pivot(index=["image", "metric"], columns="model", values="value")
    assert (values["mine"] == values["nearest"]).all()


def test_a_folder_keeps_what_states_a_version(folder, tmp_path):
    def stated(lr):
        return twice(lr)

    stated.version = "1"
    first = bench.run({"mine": folder}, {"a": stated, "b": twice}, results=tmp_path / "out")
    second = bench.run({"mine": folder}, {"a": stated, "b": twice}, results=tmp_path / "out")
    assert (first.summary.computed, second.summary.computed, second.summary.reused) == (8, 4, 4)


def test_a_pair_is_scored_from_arrays_pictures_and_files(folder, tmp_path, photo):
    hr = np.ascontiguousarray(photo[:64, :64])
    sr = twice(np.ascontiguousarray(hr[::4, ::4]))
    write_image(tmp_path / "sr.png", sr)
    expected = bench.score(sr, hr)
    assert set(expected) == {"psnr", "ssim"}
    assert bench.score(tmp_path / "sr.png", PillowImage.fromarray(hr)) == expected
    assert bench.score(sr, hr, metrics=["gmsd", mean_error]).keys() == {"gmsd", "mean_error"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sr": np.zeros((64, 64, 3))}, r"sr: expected uint8 \(H, W, 3\) or \(H, W\).* got float64"),
        ({"sr": np.zeros((32, 64, 3), np.uint8)}, "sr is 64x32 but hr is 64x64"),
        ({"metrics": ["psnrr"]}, "did you mean psnr"),
        ({"protocol": "matlap"}, "did you mean matlab"),
        ({"protocol": "srcnn"}, "cannot score finished pictures"),
        ({"scale": 0}, "scale: expected"),
    ],
)
def test_a_mistake_in_a_pair_speaks_of_arguments(change, complaint):
    picture = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(InputError, match=complaint):
        bench.score(**{"sr": picture, "hr": picture, **change})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"models": {"m": 5}}, r"models\['m'\]: expected a name, a spec or a function of LR, got int"),
        ({"models": {"m": "bicubik"}}, "no model called 'bicubik'; did you mean bicubic"),
        ({"scale": 0}, "scale: expected a whole number from 1, got 0"),
        ({"limit": 0}, "limit: expected"),
        ({"dtype": "fp8"}, "dtype: expected fp32, bf16, fp16, got fp8"),
        ({"jobs": 2, "models": {"m": lambda lr: lr}}, "jobs: a function that only exists in this session"),
    ],
)
def test_a_mistake_in_a_run_speaks_of_arguments(folder, change, complaint):
    with pytest.raises(InputError, match=complaint) as raised:
        bench.run(**{"datasets": {"mine": folder}, "models": ["nearest"], **change})
    assert "--" not in str(raised.value)


def test_a_run_of_which_nothing_came_is_empty_and_says_why(folder):
    def fails(lr):
        raise ZeroDivisionError("on purpose")

    run = bench.run({"mine": folder}, {"m": fails})
    assert len(run.summary.failures) == 2
    assert run.scores.empty
    assert list(run.scores.columns)[:3] == ["model", "variant", "dataset"]
    assert run.table() == repr(run) == ""


def test_functions_go_to_other_processes(folder):
    run = bench.run({"mine": folder}, {"mine": twice}, ["psnr", mean_error], jobs=2)
    assert run.summary.failures == []
    assert len(run.scores) == 4


def test_a_run_of_some_pictures_says_that_it_is_partial(folder):
    run = bench.run({"mine": folder}, ["nearest", "bicubic"], limit=1)
    assert "(1 of 2)" in run.table()
    assert "partial: 1 of the 2 pictures of mine have scores" in run.table()
    assert "**" not in run.table()


def test_importing_bench_is_quick_and_pulls_in_nothing_heavy():
    program = (
        "import sys\nbefore = set(sys.modules)\nimport bench\n"
        "heavy = {'numpy', 'torch', 'scipy', 'pandas', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    timed = "import time\nstart = time.process_time()\nimport bench\nprint(time.process_time() - start)"
    seconds = min(
        float(
            subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(3)
    )
    assert seconds < 0.06


def test_nothing_shadows_the_functions():
    assert bench.run is not run_request
    assert callable(bench.score)
    assert all(callable(getattr(bench, name)) for name in bench.__all__)

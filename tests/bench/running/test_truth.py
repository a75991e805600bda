"""A results folder that lives on: what is of another time is replaced, dropped or kept apart, and named."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

import bench
from bench.analysis.compare import Question, compare
from bench.analysis.results import read_results
from bench.cli import main
from bench.figures.grid import GridRequest, make_grid
from bench.figures.grid_sheet import stem_of
from bench.metric import METRICS, PlaneMetric
from bench.reports.write import markdown_of
from bench.running.request import Request
from bench.running.run import run
from bench.store.rows import Place, Score
from bench.store.table import pictures_table, read_scores, scores_table
from sr_models.data.errors import InputError
from sr_models.data.image import write_image

MODULE = """
class Twice:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, lr):
        if {fails}:
            raise RuntimeError("on purpose")
        return lr.repeat(self.scale, 0).repeat(self.scale, 1)


Twice.version = {version!r}
"""


def pictures(folder, photo, names="abc", shift=0):
    for n, name in enumerate(names):
        part = photo[8 * n + shift : 8 * n + shift + 64, :64]
        write_image(folder / f"{name}.png", np.ascontiguousarray(part))
    return folder


@pytest.fixture
def folder(tmp_path, photo):
    return pictures(tmp_path / "in", photo)


@pytest.fixture
def request_(tmp_path, folder):
    return Request(tmp_path / "out", datasets=(f"mine={folder}",), models=("nearest", "bicubic"))


def module(path, version, fails="False"):
    path.write_text(MODULE.format(version=version, fails=fails))
    return f"m={path}:Twice"


def test_a_picture_of_an_old_version_is_not_judged_under_a_new_key(request_, tmp_path):
    request = replace(request_, metrics=("psnr", "gmsd"))
    run(replace(request, models=(module(tmp_path / "one.py", "1"),)))
    summary = run(replace(request, models=(module(tmp_path / "two.py", "2", "lr.any()"),)))
    assert summary.computed == 0
    assert len(summary.failures) == 3
    assert not scores_table(request.results)._rows
    assert summary.dropped == {
        ("m", "out of date, and not computed again"): ["mine/a", "mine/b", "mine/c"],
    }
    assert not (request.results / "images/m/mine/x4/a.png").exists()


@pytest.mark.parametrize("module", ["sr_models.data.degrade", "sr_models.upscaler"])
def test_new_code_that_makes_pictures_makes_them_anew(request_, monkeypatch, module):
    done = run(request_)
    monkeypatch.setattr(f"{module}.VERSION", "2")
    again = run(request_)
    assert (again.computed, again.replaced, again.reused) == (done.computed, done.computed, 0)


def test_a_model_whose_new_version_fails_on_one_picture_is_shown_as_incomplete(request_, tmp_path):
    run(replace(request_, models=("nearest", module(tmp_path / "one.py", "1"))))
    newer = module(tmp_path / "two.py", "2", "not hasattr(Twice, 'n') and setattr(Twice, 'n', 1) is None")
    summary = run(replace(request_, models=("nearest", newer)))
    assert len(summary.failures) == 1
    assert len(summary.dropped) == 1
    cell = read_results(request_.results).boards[0].cell("m", "mine", "psnr")
    assert cell.text.endswith("(2 of 3)")
    assert cell.place == 0


def test_another_folder_under_the_same_name_makes_old_rows_foreign(request_, tmp_path, photo):
    run(request_)
    other = pictures(tmp_path / "other", photo, "ab", shift=20)
    summary = run(replace(request_, datasets=(f"mine={other}",), models=("bicubic",)))
    assert {score.image for score in read_scores(request_.results)} == {"a", "b"}
    assert {score.model for score in read_scores(request_.results)} == {"bicubic"}
    assert summary.dropped[("mine", "not in the dataset any more")] == ["c"]
    assert summary.dropped[("mine", "the dataset has another picture of this name now")] == ["a", "b"]
    left = {row.path for row in pictures_table(request_.results)}
    assert left == {f"{model}/mine/x4/{image}.png" for model in ("hr", "bicubic") for image in "ab"}


def test_a_picture_that_is_gone_leaves_the_means_and_is_named(request_, folder, capsys):
    run(request_)
    (folder / "b.png").unlink()
    arguments = ["run", "--datasets", *request_.datasets, "--models", "nearest", "bicubic"]
    assert main([*arguments, "--results", str(request_.results)]) == 0
    assert "dropped: mine, scores of 1 picture (b): not in the dataset any more" in capsys.readouterr().err
    assert {score.image for score in read_scores(request_.results)} == {"a", "c"}


def test_another_crop_has_a_table_of_its_own_and_is_never_compared(tmp_path, photo):
    write_image(tmp_path / "in" / "a.png", np.ascontiguousarray(photo[:64, :64]))
    request = Request(tmp_path / "out", datasets=(f"mine={tmp_path / 'in'}",), models=("nearest",))
    run(request)
    run(replace(request, models=("bicubic",), crop_multiple=12))
    results = read_results(request.results)
    assert [board.models for board in results.boards] == [("nearest",), ("bicubic@multiple12",)]
    assert [board.stem for board in results.boards] == ["matlab_x4_matlab", "matlab_x4_matlab_multiple12"]
    with pytest.raises(InputError, match="no picture in common"):
        compare(results, Question())
    with pytest.raises(InputError, match="cropped or read in different ways"):
        make_grid(GridRequest(request.results, "a"))
    assert len(make_grid(GridRequest(request.results, "a", models=("bicubic@multiple12",))).panels) == 2


def test_values_of_two_signatures_are_never_averaged(tmp_path):
    def rows(model, signature):
        return [
            Score(model, "", "s", 4, "matlab", i, "rgb", "psnr", 30.0, signature, "0" * 12) for i in "abc"
        ]

    table = scores_table(tmp_path)
    table.add([*rows("a", "psnr|new"), *rows("b", "psnr|new"), *rows("c", "psnr|old")])
    table.merge()
    first, second = read_results(tmp_path).boards
    assert (first.models, first.signatures["psnr"]) == (("a", "b"), "psnr|new")
    assert (second.models, second.signatures["psnr"]) == (("c",), "psnr|old")
    assert "- psnr: psnr|old" in markdown_of(read_results(tmp_path))


def test_rows_of_an_older_file_are_read_and_get_their_signature(request_):
    run(request_)
    path = request_.results / "scores.csv"
    whole = path.read_bytes()
    lines = [line.split(",") for line in whole.decode().splitlines()]
    before = [",".join([line[0], *line[2:9], line[10]]) for line in lines]
    path.write_text("\n".join(before) + "\n")
    summary = run(request_)
    assert (summary.computed, summary.reused) == (0, 12)
    assert path.read_bytes() == whole


def test_pictures_from_another_lr_lie_apart(request_):
    run(request_)
    run(replace(request_, lr="matlab-mirror"))
    assert (request_.results / "images/bicubic/mine/x4/a.png").is_file()
    assert (request_.results / "images/bicubic/mine/x4-matlab-mirror/a.png").is_file()
    with pytest.raises(InputError, match="say which with --dataset, --scale or --lr"):
        make_grid(GridRequest(request_.results, "a"))
    grid = make_grid(GridRequest(request_.results, "a", lr="matlab-mirror"))
    assert [panel.model for panel in grid.panels] == ["nearest", "bicubic", "hr"]
    assert stem_of(grid) == "mine_a_x4-matlab-mirror"
    assert stem_of(make_grid(GridRequest(request_.results, "a", lr="matlab"))) == "mine_a_x4"


@pytest.mark.parametrize("variant", ["", "bf16", "multiple12+bf16"])
@pytest.mark.parametrize("lr", ["matlab", "stored", "matlab-double-mirror"])
def test_a_path_says_where_its_picture_belongs(variant, lr):
    place = Place("my-net.1+2", variant, "Set5", 3, lr, "img_001")
    assert Place.of(place.path) == place


def test_a_flat_outputs_folder_that_would_serve_two_datasets_is_refused(tmp_path, photo):
    for name in ("one", "two"):
        pictures(tmp_path / name, photo, "a")
    pictures(tmp_path / "flat", photo, "a")
    datasets = tuple(f"{name}={tmp_path / name}" for name in ("one", "two"))
    request = Request(tmp_path / "out", datasets=datasets, outputs=(f"theirs={tmp_path / 'flat'}",))
    with pytest.raises(InputError, match=r"a\.png would serve both one/a and two/a"):
        run(request)


def test_tiff_files_are_scored_and_what_is_passed_over_is_named(request_, folder, photo, capsys):
    PillowImage.fromarray(photo[:48, :48]).save(folder / "scan.tif")
    PillowImage.fromarray(photo[:48, :48]).save(folder / "old.gif")
    write_image(folder / "more" / "p.png", photo[:48, :48])
    run(request_)
    assert {score.image for score in read_scores(request_.results)} >= {"scan"}
    out = str(request_.results)
    main(["run", "--datasets", *request_.datasets, "--models", "nearest", "--results", out, "--no-plots"])
    said = capsys.readouterr().err
    assert (
        f"passed over: {folder / 'more'}: a folder in a folder; name it itself to score its pictures" in said
    )
    assert f"passed over: {folder}: old.gif: expected files of .png, .tif, .tiff, .jpg" in said


def test_outputs_may_be_jpeg_files(request_, folder, tmp_path, photo):
    for path in folder.iterdir():
        (tmp_path / "made").mkdir(exist_ok=True)
        PillowImage.open(path).save(tmp_path / "made" / f"{path.stem}.jpg", quality=95)
    summary = run(replace(request_, models=(), outputs=(f"made={tmp_path / 'made'}",)))
    assert not summary.failures
    assert {score.model for score in read_scores(request_.results)} == {"made"}


def test_an_incomplete_folder_of_outputs_is_shown_as_such(request_, tmp_path, photo):
    theirs = pictures(tmp_path / "theirs", photo, "a")
    run(replace(request_, models=(), outputs=(f"theirs={theirs}",)))
    board = read_results(request_.results).boards[0]
    assert board.cell("theirs", "mine", "psnr").text == "inf (1 of 3)"


def plane(monkeypatch, name, function, version="1"):
    METRICS.names()
    made = PlaneMetric(name, "", True, 2, "test", version, function)
    monkeypatch.setitem(METRICS._items, name, made)


@pytest.mark.parametrize("value", [np.float64(5.9), np.float32(0.5), 7])
def test_a_metric_may_return_any_number(request_, monkeypatch, value):
    plane(monkeypatch, "made", lambda sr, hr: value)
    run(replace(request_, metrics=("made",)))
    assert {score.value for score in read_scores(request_.results)} == {float(value)}


def test_nan_is_never_stored_and_never_shown(request_, monkeypatch):
    plane(monkeypatch, "made", lambda sr, hr: math.nan)
    summary = run(replace(request_, metrics=("psnr", "made")))
    assert list(summary.not_applicable) == [("made", "the metric has no value for it (NaN)")]
    assert {score.metric for score in read_scores(request_.results)} == {"psnr"}


@pytest.mark.parametrize("value", ["5.9", None, [1.0, 2.0]])
def test_what_is_no_number_is_a_failure_of_that_metric(request_, monkeypatch, value):
    plane(monkeypatch, "made", lambda sr, hr: value)
    summary = run(replace(request_, metrics=("psnr", "made")))
    assert len(summary.failures) == 6
    assert all(failure.startswith("made of ") for failure in summary.failures)
    assert len(read_scores(request_.results)) == 6


def test_a_metric_that_is_not_installed_is_left_out_and_named(request_, monkeypatch):
    with monkeypatch.context() as patch:
        plane(patch, "made", lambda sr, hr: 1.0)
        run(replace(request_, metrics=("psnr", "made")))
    board = read_results(request_.results).boards[0]
    assert board.metrics == ("psnr",)
    assert any("no such metric is installed here: made" in note for note in board.notes())


def test_one_failing_metric_does_not_lose_the_others(tmp_path, photo):
    write_image(tmp_path / "in" / "a.png", np.ascontiguousarray(photo[:16, :16]))
    request = Request(tmp_path / "out", datasets=(f"tiny={tmp_path / 'in'}",), models=("nearest",))
    summary = run(request)
    assert [score.metric for score in read_scores(request.results)] == ["psnr"]
    (failure,) = summary.failures
    assert failure.startswith("ssim of nearest on tiny/a: SSIM: expected at least 11x11 pixels")


@pytest.mark.parametrize(
    "made",
    [
        lambda lr: lr.repeat(4, 0).repeat(4, 1) / 255.0,
        lambda lr: np.full((64, 64, 3), np.nan),
        lambda lr: None,
    ],
)
def test_output_that_is_no_picture_is_an_error_of_that_model(folder, made):
    found = bench.run({"mine": folder}, {"bad": made, "nearest": "nearest"})
    assert len(found.summary.failures) == 3
    assert "output of bad: expected uint8 (64, 64, 3), got " in found.summary.failures[0]
    assert set(found.scores["model"]) == {"nearest"}


DIVERGED = """
from torch import nn

class Divided(nn.Module):
    def forward(self, x):
        x = x.repeat_interleave(4, 2).repeat_interleave(4, 3)
        return x / x if float(x.min()) == 0 else x

def network(scale):
    return Divided()

network.version = "1"
"""


def test_a_network_that_is_not_finite_on_a_picture_has_no_row_and_no_picture(request_, folder, tmp_path):
    (tmp_path / "diverged.py").write_text(DIVERGED)
    write_image(folder / "black.png", np.zeros((64, 64, 3), np.uint8))
    summary = run(replace(request_, models=(f"m={tmp_path}/diverged.py:network",)))
    (failure,) = summary.failures
    assert failure.startswith("m on mine/black: 12288 of 12288 values of the network's output are not finite")
    assert "black" not in {row.image for row in read_scores(request_.results)}
    names = {path.stem for path in (request_.results / "images" / "m").rglob("*.png")}
    assert names == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def factory(scale:\n", "importing .*broken.py failed: SyntaxError: "),
        ("1 / 0\n", "importing .*broken.py failed: ZeroDivisionError: division by zero"),
        ("raise SystemExit\n", "importing .*broken.py failed: SystemExit"),
        ("def factory(scale):\n    return scale / 0\n", r"broken.py:factory: factory\(4\) failed: ZeroDiv"),
    ],
)
def test_whatever_a_users_module_raises_is_one_line_before_the_first_picture(
    text, says, folder, tmp_path, capsys
):
    (tmp_path / "broken.py").write_text(text)
    models = ["nearest", f"m={tmp_path}/broken.py:factory"]
    arguments = ["--datasets", f"mine={folder}", "--results", str(tmp_path / "out"), "--models", *models]
    assert main(["run", *arguments]) == 2
    said = capsys.readouterr().err
    assert re.match(f"bench run: .*{says}", said)
    assert said.count("\n") == 1
    assert not list((tmp_path / "out").rglob("*.png"))


def test_a_scale_that_a_model_lacks_is_said_once(request_):
    summary = run(replace(request_, models=("espcn",), scale=3))
    assert len(summary.failures) == 1
    assert summary.failures[0].startswith("espcn: ")


def test_with_unequal_numbers_of_pictures_cannot_never_stands_beside_a_small_p(tmp_path):
    def rows(model, n, offset):
        return [
            Score(model, "", "s", 4, "matlab", f"{i:02d}", "rgb", "psnr", 30.0 + i + offset, "", "0" * 12)
            for i in range(n)
        ]

    table = scores_table(tmp_path)
    table.add([*rows("a", 7, 1.0), *rows("b", 20, 0.0), *rows("c", 20, -1.0), *rows("d", 20, -2.0)])
    table.merge()
    for each in compare(read_results(tmp_path), Question()):
        assert (each.verdict == "cannot") == (each.smallest_p_holm >= 0.05)
        assert each.p_holm >= each.smallest_p_holm - 1e-12
        assert (each.verdict == "yes") == (each.p_holm < 0.05)


def test_one_model_alone_cannot_be_compared_and_the_sentence_says_so(request_):
    run(replace(request_, models=("nearest",)))
    with pytest.raises(InputError, match="expected two different models to compare, got only nearest"):
        compare(read_results(request_.results), Question())


def test_a_header_of_an_older_run_without_counts_is_read(request_):
    run(request_)
    path = request_.results / "run.json"
    path.write_text('{"invocations": [{"started": "2026-01-01T00:00:00Z"}], "models": {}}')
    assert read_results(request_.results).boards[0].run == "unknown time, commit unknown"


@pytest.mark.data
def test_lr_consistency_of_stored_lr_is_not_guessed(tmp_path):
    request = Request(tmp_path, ("Set5",), ("nearest",), lr="stored", metrics=("psnr", "lr_psnr"), limit=1)
    summary = run(request)
    assert list(summary.not_applicable) == [("lr_psnr", "how stored LR pictures were made is not known")]

"""Pictures without originals, from the run to the study: what needs none is computed, the rest is named."""

import csv

import numpy as np
import pytest

import bench
from bench.cli import main
from sr_models.data.dataset import load_sample, open_dataset, passed_over
from sr_models.data.errors import InputError
from sr_models.data.image import read_image, write_image
from sr_models.data.manifest import manifest


@pytest.fixture(scope="module")
def low(tmp_path_factory):
    """Three LR pictures, one of them grey."""
    folder = tmp_path_factory.mktemp("low")
    photo = load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").lr
    for n, name in enumerate(("pear", "fig", "plum")):
        write_image(folder / f"{name}.png", photo[8 * n : 8 * n + 32, 10:50], grey=name == "plum")
    return folder


@pytest.fixture(scope="module")
def folder(low, tmp_path_factory):
    results = tmp_path_factory.mktemp("run")
    code = main(
        [
            "run", "--datasets", f"real={low}", "--lr-only", "--models", "nearest", "bicubic",
            "--metrics", "psnr", "tv", "lr_psnr", "--results", str(results),
        ]
    )  # fmt: skip
    assert code == 0
    return results


def test_only_what_needs_no_original_has_rows(folder):
    with (folder / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["metric"], row["lr"]) for row in rows} == {("tv", "stored")}
    assert len(rows) == 2 * 3
    sr = read_image(folder / "images/nearest/real/x4-stored/fig.png")
    assert sr.shape == (128, 160, 3)
    assert not (folder / "images" / "hr").exists()


def test_what_does_not_apply_is_named(low, tmp_path):
    run = bench.run({"real": low}, ["nearest"], ["psnr", "tv"], lr_only=True, results=tmp_path)
    why = "there is no original to compare with"
    assert run.summary.not_applicable == {("psnr", why): ["real/fig", "real/pear", "real/plum"]}
    assert run.summary.failures == []


def test_total_variation_is_that_of_the_saved_picture(folder):
    run = bench.load(folder)
    rows = run.scores.set_index(["model", "image"])["value"]
    sr = read_image(folder / "images/bicubic/real/x4-stored/pear.png")[4:-4, 4:-4].astype(float) / 255
    wanted = (np.abs(np.diff(sr, axis=0)).sum() + np.abs(np.diff(sr, axis=1)).sum()) / sr[..., 0].size
    assert rows["bicubic", "pear"] == pytest.approx(wanted, rel=1e-5)


def test_a_reference_metric_alone_is_one_sentence_and_code_2(low, tmp_path, capsys):
    command = ["run", "--datasets", f"real={low}", "--lr-only", "--results", str(tmp_path / "run")]
    assert main(command) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert "real has no originals, which psnr, ssim would compare with" in error
    assert "niqe" in error


def test_lr_only_without_a_folder_is_refused(tmp_path, capsys):
    assert main(["run", "--lr-only", "--results", str(tmp_path)]) == 2
    assert "NAME=FOLDER of LR pictures" in capsys.readouterr().err


def test_a_second_run_computes_nothing(low, folder):
    run = bench.run({"real": low}, ["nearest", "bicubic"], ["tv"], lr_only=True, results=folder)
    assert (run.summary.computed, run.summary.reused) == (0, 6)


def test_sets_with_and_without_originals_go_together(low, tmp_path):
    both = {"real": low}
    run = bench.run(both, ["nearest"], ["psnr", "tv"], lr_only=True, results=tmp_path)
    assert set(run.scores["metric"]) == {"tv"}
    run = bench.run(["sample"], ["nearest"], ["psnr", "tv"], limit=1, results=tmp_path)
    found = run.scores.groupby("dataset")["metric"].unique()
    assert set(found["sample"]) == {"psnr", "tv"}
    assert set(found["real"]) == {"tv"}


def test_outputs_made_elsewhere_are_judged_too_and_have_to_fit(low, tmp_path):
    made = tmp_path / "made"
    for path in low.glob("*.png"):
        write_image(made / path.name, read_image(path).repeat(4, 0).repeat(4, 1))
    write_image(made / "fig.png", read_image(low / "fig.png"))
    run = bench.run(
        {"real": low}, (), ["tv"], outputs=[f"theirs={made}"], lr_only=True, results=tmp_path / "run"
    )
    assert set(run.scores["image"]) == {"pear", "plum"}
    assert "fig.png: expected 160x128 pixels, got 40x32" in run.summary.failures[0]


def test_report_compare_grid_and_page_work(folder, capsys):
    assert main(["report", str(folder)]) == 0
    assert "| bicubic |" in capsys.readouterr().out
    assert main(["compare", str(folder), "--a", "bicubic", "--b", "nearest"]) == 0
    assert main(["grid", str(folder), "--image", "pear"]) == 0
    assert "TV of the whole picture" in capsys.readouterr().out
    assert (folder / "grids" / "real_pear_x4-stored.png").is_file()
    assert main(["page", str(folder)]) == 0
    assert (folder / "index.html").stat().st_size > 10_000


def test_the_grid_has_no_original(folder):
    from bench.figures.grid import GridRequest, make_grid

    grid = make_grid(GridRequest(folder, "fig"))
    assert [panel.model for panel in grid.panels] == ["nearest", "bicubic"]
    assert grid.metrics == ("tv",)


def test_a_study_of_them_has_no_hidden_reference(folder, tmp_path):
    from mos_app.cli import main as mos

    study = tmp_path / "study"
    assert mos(["new", str(study), "--run", str(folder), "--raters", "4"]) == 0
    from mos_app.study.definition import load

    methods = {each.method for each in load(study).stimuli}
    assert methods == {"nearest", "bicubic"}


def test_a_manifest_without_originals_is_a_set(tmp_path, monkeypatch, low):
    found = manifest("RealSet80")
    assert found.is_lr_only
    assert len(found.images()) == 80
    monkeypatch.setattr("sr_models.data.fetch.download", _no_network)
    with pytest.raises(InputError, match="RealSet80 x4 is not on this machine"):
        open_dataset("RealSet80", 4, "matlab")


def _no_network(*_):
    from sr_models.data.fetch import FetchError

    raise FetchError("no network")


# Pairs with LR of their own


def test_folders_hr_and_lr_are_pairs(tmp_path, photo):
    for name in ("a", "b"):
        write_image(tmp_path / "HR" / f"{name}.png", photo[:48, :64])
        write_image(tmp_path / "LR" / f"{name}.png", photo[:12, :16])
    pictures = open_dataset(f"pairs={tmp_path}", 4, "matlab")
    sample = load_sample(pictures[0], "matlab")
    assert (pictures[0].lr_name("matlab"), sample.lr.tolist()) == ("stored", photo[:12, :16].tolist())
    assert passed_over(f"pairs={tmp_path}") == []
    (tmp_path / "LR" / "b.png").unlink()
    with pytest.raises(InputError, match="b is in HR but not in LR"):
        open_dataset(f"pairs={tmp_path}", 4, "matlab")


# Without a folder


def test_one_picture_alone_has_a_score(low, capsys):
    assert main(["score", str(low / "pear.png"), "--metrics", "tv", "--protocol", "realsr"]) == 0
    assert "pear" in capsys.readouterr().out
    assert main(["score", str(low), "--metrics", "tv", "--protocol", "realsr"]) == 0
    assert "mean of 3" in capsys.readouterr().out
    assert bench.score(low / "pear.png", metrics=["tv"]).keys() == {"tv"}


def test_a_score_against_nothing_is_refused(low, capsys):
    assert main(["score", str(low / "pear.png")]) == 2
    assert "psnr compares with an original: give HR" in capsys.readouterr().err

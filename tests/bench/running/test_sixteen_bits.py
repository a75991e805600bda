"""16-bit PNG files: refused, or rounded on request, in rows and pictures of their own."""

import numpy as np
import pytest
from PIL import Image as PillowImage

from bench.analysis.results import read_results
from bench.cli import main
from bench.figures.grid import GridRequest, make_grid
from bench.page.build import write_page
from bench.running.clean import clean
from bench.store.table import pictures_table, read_scores
from sr_models.data.image import read_image, write_image


@pytest.fixture
def levels(photo):
    """A grey picture of 16 bits a sample whose nearest 8-bit levels are not its high bytes."""
    grey = photo[:64, :64, 1].astype(np.uint16)
    return (grey * 257 + np.where(grey < 255, 200, 0)).astype(np.uint16)


def saved(path, levels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(levels).save(path)
    return path.parent


def arguments(tmp_path, *more):
    sets = ["--datasets", f"mine={tmp_path / 'in'}", "--models", "nearest", "bicubic", "--no-plots"]
    return ["run", *sets, "--results", str(tmp_path / "out"), *more]


def test_without_the_flag_each_picture_is_refused_in_one_sentence(tmp_path, levels, capsys):
    saved(tmp_path / "in" / "a.png", levels)
    assert main(arguments(tmp_path)) == 1
    error = capsys.readouterr().err
    assert "expected 8 bits a sample, got 16" in error
    assert "--round-16-bit" in error
    assert "Traceback" not in error


def test_rounded_rows_equal_those_of_a_picture_rounded_before(tmp_path, levels):
    saved(tmp_path / "in" / "a.png", levels)
    assert main(arguments(tmp_path, "--round-16-bit")) == 0
    rounded = {(row.model, row.metric): row.value for row in read_scores(tmp_path / "out")}
    assert {row.variant for row in read_scores(tmp_path / "out")} == {"rounded16"}
    by_hand = np.floor(levels / 257 + 0.5).astype(np.uint8)
    assert np.array_equal(read_image(tmp_path / "out/images/hr@rounded16/mine/x4/a.png")[..., 0], by_hand)
    PillowImage.fromarray(by_hand).save(tmp_path / "in" / "a.png")
    assert main(["run", *arguments(tmp_path)[1:-1], str(tmp_path / "before")]) == 0
    assert {(row.model, row.metric): row.value for row in read_scores(tmp_path / "before")} == rounded


def test_both_readings_of_a_folder_have_tables_pictures_and_keys_of_their_own(tmp_path, photo):
    write_image(tmp_path / "in" / "a.png", np.ascontiguousarray(photo[:64, :64]))
    assert main(arguments(tmp_path)) == 0
    assert main(arguments(tmp_path, "--round-16-bit")) == 0
    results = read_results(tmp_path / "out")
    assert [board.models for board in results.boards] == [
        ("nearest", "bicubic"),
        ("nearest@rounded16", "bicubic@rounded16"),
    ]
    keys = {row.path: row.key for row in pictures_table(tmp_path / "out")}
    for model in ("hr", "nearest", "bicubic"):
        assert keys[f"{model}/mine/x4/a.png"] != keys[f"{model}@rounded16/mine/x4/a.png"]
    assert not clean(tmp_path / "out")
    write_page(results)
    grid = make_grid(GridRequest(tmp_path / "out", "a", models=("nearest@rounded16", "bicubic@rounded16")))
    assert len(grid.panels) == 3
    with pytest.raises(ValueError, match="cropped or read in different ways"):
        make_grid(GridRequest(tmp_path / "out", "a"))


def test_outputs_of_16_bits_are_rounded_too(tmp_path, levels, capsys):
    saved(tmp_path / "in" / "a.png", levels)
    theirs = saved(tmp_path / "theirs" / "a.png", levels)
    asked = ["run", "--datasets", f"mine={tmp_path / 'in'}", "--outputs", f"theirs={theirs}", "--no-plots"]
    assert main([*asked, "--results", str(tmp_path / "out"), "--round-16-bit"]) == 0
    (psnr,) = [row.value for row in read_scores(tmp_path / "out") if row.metric == "psnr"]
    assert psnr == np.inf

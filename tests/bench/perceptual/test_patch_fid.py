"""`bench fid`, with a stand-in for torch-fidelity that compares mean colours."""

import csv

import fake_packages
import numpy as np
import pytest

import bench
from bench.cli import main
from sr_models.data.image import write_image


@pytest.fixture
def folder(tmp_path):
    for n in range(2):
        write_image(tmp_path / "hr" / f"p{n}.png", np.full((48, 72, 3), 100, np.uint8))
    bench.run(
        {"mine": tmp_path / "hr"}, {"brighter": lambda lr: lr.repeat(4, 0).repeat(4, 1) + 5}, ["psnr"],
        results=tmp_path / "run",
    )  # fmt: skip
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "weights-inception-2015-12-05-6726825d.pth").write_bytes(b"x")
    return tmp_path


@pytest.fixture
def _fidelity(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("fidelity")
    fake_packages.install(
        place, monkeypatch, "torch_fidelity", "torch-fidelity", "9.9", fake_packages.FIDELITY
    )
    yield
    fake_packages.forget("torch_fidelity")


@pytest.mark.usefixtures("_fidelity")
def test_patches_are_cut_counted_and_named_in_the_signature(folder, capsys):
    assert main(["fid", str(folder / "run"), "--patch", "24", "--weights-dir", str(folder / "weights")]) == 0
    out = capsys.readouterr().out
    assert (
        "| mine | x4 | matlab | brighter | 75.00 | 12 |" in out
    )  # 3 channels, 5 levels each; 2 x 2 x 3 patches
    assert "|24x24, no overlap|patches:12|" in out
    assert "warning: fewer than 10,000 patches on mine" in out
    with (folder / "run" / "patch_fid.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["model"], row["value"], row["patches"]) == ("brighter", "75.0", "12")


@pytest.mark.usefixtures("_fidelity")
def test_pictures_smaller_than_a_patch_are_one_sentence(folder, capsys):
    assert main(["fid", str(folder / "run"), "--weights-dir", str(folder / "weights")]) == 2
    assert "0 patches of 128x128 pixels" in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(folder, capsys, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from bench.perceptual import patch_fid

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(patch_fid, "version", absent)
    assert main(["fid", str(folder / "run")]) == 2
    assert "pip install -e '.[fid]'" in capsys.readouterr().err

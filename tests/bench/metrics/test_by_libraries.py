"""Metrics that small libraries or a user's own pyiqa compute, BRISQUE's files, and the composite."""

import math
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
import torch

import bench
from bench.analysis.board import boards
from bench.metric import METRICS
from bench.metrics import brisque
from bench.store.rows import Score
from sr_models.data.errors import InputError


def test_flip_of_black_against_white_is_near_its_largest_value():
    black, white = (np.full((64, 64, 3), level, np.uint8) for level in (0, 255))
    value = bench.score(white, black, protocol="realsr", metrics=["flip"])["flip"]
    assert 0.9 < value <= 1


@pytest.mark.data
def test_flip_and_ssimulacra2_order_the_real_world_pictures_by_their_damage(data_folder):
    """OSEDiff's Nikon_017 is closest to its original by every logged full-reference metric."""
    folder = data_folder / "realsr-sample" / "RealSR"
    found = {
        name: bench.score(
            folder / "OSEDiff" / name,
            folder / "HR" / name,
            protocol="realsr",
            metrics=["flip", "ssimulacra2"],
        )
        for name in ("Canon_001_LR4.png", "Nikon_017_LR4.png")
    }
    far, near = found.values()
    assert near["flip"] < far["flip"] < 0.5
    assert far["ssimulacra2"] < near["ssimulacra2"] < 100


@pytest.mark.usefixtures("fake_pyiqa")
def test_pyiqas_numbers_arrive_with_its_version_and_name(photo, rng):
    run = bench.run(["sample"], ["nearest"], ["pyiqa_musiq", "pyiqa_topiq_fr"], limit=1)
    signatures = set(run.scores["signature"])
    assert any("|no-reference,pyiqa's musiq,[0,1]|mean|v1|pyiqa:9.9|" in each for each in signatures)
    assert any("|pyiqa's topiq_fr,[0,1]|mean|v1|pyiqa:9.9|" in each for each in signatures)
    grey = np.full((40, 40, 3), 51, np.uint8)
    values = bench.score(grey, grey, metrics=["pyiqa_musiq", "pyiqa_maniqa_pipal", "pyiqa_topiq_fr"])
    assert values == pytest.approx({"pyiqa_musiq": 20, "pyiqa_maniqa_pipal": 0.2, "pyiqa_topiq_fr": 1})


def test_without_pyiqa_the_metric_is_unavailable_and_says_whose_choice_it_is(capsys, tmp_path, monkeypatch):
    from bench.perceptual import weights

    def absent(name):
        if name == "pyiqa":
            raise PackageNotFoundError(name)
        return distribution(name).version

    monkeypatch.setattr(weights, "version", absent)
    run = bench.run(["sample"], ["nearest"], ["psnr", "pyiqa_musiq"], limit=1, results=tmp_path)
    why = run.summary.unavailable["pyiqa_musiq"]
    assert "its licence forbids commercial use" in why
    assert "pip install -e '.[pyiqa]'" in why
    assert set(run.scores["metric"]) == {"psnr"}


def test_importing_metrics_imports_nobody_elses_package():
    code = "import sys, bench; bench.list_metrics(); print(*{'pyiqa', 'flip_evaluator'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


# BRISQUE's files


def test_lives_text_file_and_the_tensors_are_one_machine(tmp_path):
    torch.manual_seed(0)
    coefficients, vectors = torch.randn(5, 1), torch.randn(5, 36)
    lines = [
        " ".join([f"{float(c)!r}", *(f"{n + 1}:{float(v)!r}" for n, v in enumerate(row))])
        for c, row in zip(coefficients, vectors, strict=True)
    ]
    head = "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.05\nnr_class 2\ntotal_sv 5\nrho -153.591\nSV\n"
    (tmp_path / "allmodel").write_text(head + "\n".join(lines) + "\n")
    torch.save((coefficients, vectors), tmp_path / "m.pt")
    for one, other in zip(
        brisque._machine(tmp_path / "allmodel"), brisque._machine(tmp_path / "m.pt"), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_another_machine_is_refused(tmp_path):
    (tmp_path / "allmodel").write_text("gamma 0.5\nrho -1\nSV\n1 1:2\n")
    with pytest.raises(InputError, match=r"gamma 0\.5, rho -1"):
        brisque._machine(tmp_path / "allmodel")


# The composite


PARTS = {
    "lpips": 0.3,
    "dists": 0.2,
    "niqe": 4.0,
    "pyiqa_clipiqa": 0.7,
    "pyiqa_maniqa": 0.6,
    "pyiqa_musiq": 70.0,
}


def rows(parts, model="a"):
    return [
        Score(model, "", "Set5", 4, "matlab", image, "rgb", name, value + shift, f"{name}|s", "0" * 12)
        for image, shift in (("p1", 0.0), ("p2", 0.1))
        for name, value in parts.items()
    ]


def test_ntires_score_is_the_sum_of_its_six_parts():
    (board,) = boards(rows(PARTS))
    column = board.column("Set5", "ntire_x4")
    assert column.values["a"]["p1"] == pytest.approx(0.7 + 0.8 + 0.6 + 0.7 + 0.6 + 0.7)
    assert "without" not in column.signature
    assert board.metrics[-1] == "ntire_x4"


def test_missing_parts_are_named():
    (board,) = boards(rows({name: PARTS[name] for name in ("lpips", "dists", "niqe")}))
    column = board.column("Set5", "ntire_x4")
    assert column.values["a"]["p1"] == pytest.approx(0.7 + 0.8 + 0.6)
    assert "|without pyiqa_clipiqa,pyiqa_maniqa,pyiqa_musiq: not the whole score|" in column.signature
    (board,) = boards(rows({name: PARTS[name] for name in ("lpips", "dists")}))
    assert "ntire_x4" not in board.metrics


def test_a_picture_without_one_part_has_no_score():
    (board,) = boards([row for row in rows(PARTS) if (row.metric, row.image) != ("niqe", "p2")])
    assert board.column("Set5", "ntire_x4").values == {"a": {"p1": pytest.approx(4.1)}}


def test_niqe_above_ten_adds_nothing():
    assert METRICS["ntire_x4"].value({"niqe": 12.0}) == 0
    assert math.isclose(METRICS["ntire_x4"].value({"niqe": 7.5}), 0.25)


@pytest.mark.usefixtures("fake_pyiqa")
def test_asking_for_the_composite_computes_its_parts(metric_weights, tmp_path):
    run = bench.run(
        ["sample"], ["nearest"], ["ntire_x4"], weights_dir=metric_weights, limit=1, results=tmp_path
    )
    assert set(run.scores["metric"]) == set(PARTS)
    assert "NTIRE x4" in run.table()


def test_vif_says_which_one_it_is():
    assert METRICS["vif"].heading == "VIFp"
    assert "pixel" in METRICS["vif"].source

"""Real-world tables: six pictures of RealSR and DRealSR against the log that OSEDiff's authors published."""

import csv
import statistics
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.protocols.presets import PROTOCOLS
from bench.protocols.wang_ssim import wang_ssim
from sr_models.data.fetch import sha256_of
from sr_models.data.manifest import manifest

METRICS = {"psnr": 2e-4, "ssim": 1.5e-6, "lpips": 2e-4, "dists": 2e-4}
"""With how far they may be off; the log's LPIPS and DISTS were computed in TF32."""
NAMES = (
    ("RealSR", "Canon_001_LR4"),
    ("RealSR", "Canon_034_LR4"),
    ("RealSR", "Nikon_017_LR4"),
    ("DRealSR", "Canon_10_x1"),
    ("DRealSR", "IMG_143_x1"),
    ("DRealSR", "panasonic_16_x1"),
)


@pytest.fixture
def sample(data_folder):
    return data_folder / "realsr-sample"


@cache
def _logged(folder):
    with (folder.parent / "golden" / "osediff_realsr_sample.csv").open(newline="") as file:
        return {(row["dataset"], Path(row["image"]).stem): row for row in csv.DictReader(file)}


@cache
def _scored(folder, dataset, image):
    files = [folder / "realsr-sample" / dataset / kind / f"{image}.png" for kind in ("OSEDiff", "HR")]
    names = [*METRICS, "dists_256", "niqe"]
    return bench.score(*files, protocol="realsr", metrics=names, weights_dir=folder / "perceptual")


@pytest.mark.data
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("dataset", "image"), NAMES)
def test_the_published_log_comes_back(dataset, image, metric, data_folder):
    logged = float(_logged(data_folder)[dataset, image][metric])
    assert _scored(data_folder, dataset, image)[metric] == pytest.approx(logged, abs=METRICS[metric])


@pytest.mark.data
def test_niqe_with_basicsrs_parameters_is_the_logs_but_for_their_resizing(data_folder):
    away = [
        abs(_scored(data_folder, *name)["niqe"] - float(_logged(data_folder)[name]["niqe"])) for name in NAMES
    ]
    assert statistics.median(away) < 0.01
    assert max(away) < 0.05


@pytest.mark.data
def test_dists_at_256_pixels_is_another_number_than_the_tables(data_folder):
    values = _scored(data_folder, "DRealSR", "Canon_10_x1")
    assert values["dists"] == pytest.approx(0.2722, abs=1e-4)
    assert values["dists_256"] == pytest.approx(0.2433, abs=1e-4)


@pytest.mark.data
@pytest.mark.parametrize(("dataset", "image"), NAMES)
def test_the_manifests_know_the_sample_by_its_hashes(dataset, image, sample):
    files = [file for file in manifest(dataset).files if file.image == image]
    found = {file.role: sha256_of(sample / dataset / file.path) for file in files}
    assert found == {file.role: file.sha256 for file in files}
    assert found.keys() == {"hr", "lr"}
    (output,) = (f for f in manifest("osediff").files if (f.dataset, f.image) == (dataset, image))
    assert sha256_of(sample / dataset / "OSEDiff" / f"{image}.png") == output.sha256


def test_the_sets_are_those_of_the_tables():
    counts = {name: len(manifest(name).images()) for name in ("RealSR", "DRealSR", "osediff")}
    assert counts == {"RealSR": 100, "DRealSR": 93, "osediff": 193}
    assert all(manifest(name).own_lr for name in ("RealSR", "DRealSR"))


def test_the_signatures_say_which_luma_psnr_and_ssim_look_at():
    signatures = [PROTOCOLS["realsr"].signature(metric, 4) for metric in ("psnr", "ssim")]
    assert signatures[0].startswith("psnr|Y601|crop0|u8|grey:rgb|mean-dB|")
    assert signatures[1].startswith("ssim:wang+|Y601r|crop0|u8|grey:rgb|mean|")


def test_a_clamped_ssim_does_not_punish_opposite_structure(rng):
    hr = rng.integers(0, 256, (11, 11)).astype(np.uint8)
    assert wang_ssim(255 - hr, hr) < -0.5
    assert wang_ssim(255 - hr, hr, clamped=True) == 0
    assert wang_ssim(hr, hr, clamped=True) == pytest.approx(1)


@pytest.mark.data
def test_a_run_on_pairs_of_ones_own_stands_beside_osediff(sample, data_folder, tmp_path, capsys):
    from bench.cli import main

    run = [
        "run", "--datasets", *(f"{name}={sample / name}" for name in ("RealSR", "DRealSR")),
        "--outputs", f"osediff={sample}", "--pattern", "{dataset}/OSEDiff/{image}.png",
        "--protocols", "realsr", "--results", str(tmp_path),
    ]  # fmt: skip
    assert main(run) == 0
    capsys.readouterr()
    assert main(["report", str(tmp_path), "--paper"]) == 0
    lines = capsys.readouterr().out.splitlines()
    logged = [row for (dataset, _), row in _logged(data_folder).items() if dataset == "RealSR"]
    psnr, ssim = (np.mean([float(row[name]) for row in logged]) for name in ("psnr", "ssim"))
    assert "| RealSR | OSEDiff, published | 25.15 | 0.7341 | 0.2921 | 0.2128 | 5.648 |" in lines
    assert f"| RealSR | osediff | {psnr:.2f} | {ssim:.4f} | n/a | n/a | n/a |" in lines
    assert "| RealSR | osediff minus published | n/a | n/a | n/a | n/a | n/a |" in lines
    assert "- RealSR has 100 pictures there, 3 here: not comparable" in lines
    assert (tmp_path / "images/osediff/RealSR/x4-stored/Canon_001_LR4.png").is_file()
    assert (tmp_path / "tables/paper_realsr_x4_stored.md").is_file()


def test_the_published_means_come_back_digit_by_digit_from_the_log_itself():
    from bench.analysis.board import boards
    from bench.analysis.paper import REAL_WORLD
    from bench.reports.real_world import beside_osediff, is_real_world
    from bench.store.rows import Score

    scores = [
        Score("osediff", "", name, 4, "stored", f"p{n}", "realsr", metric, value, "s", "0" * 12)
        for name, (size, means) in REAL_WORLD.items()
        for metric, value in means.items()
        for n in range(size)
    ]
    (board,) = boards(scores)
    assert is_real_world(board)
    table = beside_osediff(board)
    assert "| DRealSR | osediff minus published | 0 | 0 | 0 | 0 | 0 |" in table
    assert "not comparable" not in table


@pytest.mark.data
def test_lpips_vgg_with_the_published_parameters_is_the_papers_sum(data_folder, sample):
    import torch
    from torchvision import models

    from sr_models.data.image import read_image

    folder = data_folder / "perceptual"
    with torch.device("meta"):
        layers = models.vgg16(weights=None).features
    state = torch.load(folder / "vgg16-397923af.pth", weights_only=True)
    layers.load_state_dict(
        {name.removeprefix("features."): value for name, value in state.items()}, assign=True
    )
    heads = list(
        torch.load(folder / "lpips_lin_v0.1_vgg.pth", map_location="cpu", weights_only=True).values()
    )

    def maps(image):
        x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].double() / 127.5 - 1
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)) / torch.tensor(
            [0.458, 0.448, 0.450]
        ).view(1, 3, 1, 1)
        found = []
        for index, layer in enumerate(layers.double()):
            x = layer(x)
            if index in (3, 8, 15, 22, 29):
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
            if index == 29:
                return found
        raise AssertionError

    files = [sample / "RealSR" / kind / "Nikon_017_LR4.png" for kind in ("OSEDiff", "HR")]
    with torch.inference_mode():
        pairs = zip(*(maps(read_image(file)[100:228, 100:228]) for file in files), heads, strict=True)
        wanted = sum(((a - b).square() * w.double()).sum(1).mean().item() for a, b, w in pairs)
    pictures = [read_image(file)[100:228, 100:228] for file in files]
    found = bench.score(*pictures, protocol="realsr", metrics=["lpips_vgg"], weights_dir=folder)["lpips_vgg"]
    assert found == pytest.approx(wanted, abs=2e-5)

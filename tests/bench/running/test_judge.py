"""Picture metrics in a run: what is missing is named, the rest goes on."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision import models

from bench.analysis.results import read_results
from bench.cli import main
from bench.commands.listing import metric_lines
from bench.metric import METRICS
from bench.perceptual import weights as weights_module
from bench.perceptual.weights import located, obtain, torch_cache, weight_files
from bench.reports.write import markdown_of, stale_tables, write_report
from bench.running.request import Request
from bench.running.run import run
from bench.store.header import read_header
from bench.store.table import read_scores
from sr_models.data.errors import InputError
from sr_models.data.fetch import FetchError
from sr_models.data.image import read_image, write_image

PICTURE_METRICS = ("gmsd", "lr_psnr")


@pytest.fixture
def offline(monkeypatch):
    """No file can be downloaded."""

    def refuse(url, *_):
        raise FetchError(f"{url} cannot be downloaded (no network)")

    monkeypatch.setattr(weights_module, "download", refuse)


@pytest.fixture
def request_(tmp_path, photo):
    for n in range(2):
        write_image(tmp_path / "in" / f"p{n}.png", np.ascontiguousarray(photo[: 80 + 8 * n, : 96 - 8 * n]))
    return Request(
        tmp_path / "out",
        datasets=(f"mine={tmp_path / 'in'}",),
        models=("nearest", "bicubic"),
        metrics=("psnr", *PICTURE_METRICS),
    )


def by(request, **wanted):
    return [
        score
        for score in read_scores(request.results)
        if all(getattr(score, name) == value for name, value in wanted.items())
    ]


def test_picture_metrics_come_in_the_same_rows_as_others(request_):
    assert run(request_).computed == 2 * 2 * 3
    assert {score.metric for score in read_scores(request_.results)} == {"psnr", *PICTURE_METRICS}
    again = run(request_)
    assert (again.computed, again.reused) == (0, 12)


def test_protocols_that_crop_alike_share_a_value(request_, monkeypatch):
    calls = []
    gmsd = METRICS["gmsd"]
    counted = replace(gmsd, function=lambda scene: calls.append(scene.crop_px) or gmsd.function(scene))
    monkeypatch.setitem(METRICS._items, "gmsd", counted)
    run(replace(request_, protocols=("matlab", "rgb", "srgan", "srcnn"), scale=2, metrics=("gmsd",)))
    assert sorted(calls) == [2, 2, 4, 4]  # two pictures; srgan crops 4, the others the scale
    values = {score.protocol: score.value for score in by(request_, image="p0", model="bicubic")}
    assert set(values) == {"matlab", "rgb", "srgan"}  # srcnn never leaves luma
    assert values["matlab"] == values["rgb"] != values["srgan"]


def test_many_models_are_judged_in_parts_with_the_same_values(request_, monkeypatch):
    run(request_)
    whole = read_scores(request_.results)
    sizes = []
    gmsd = METRICS["gmsd"]
    counted = replace(gmsd, function=lambda scene: sizes.append(len(scene.images)) or gmsd.function(scene))
    monkeypatch.setitem(METRICS._items, "gmsd", counted)
    monkeypatch.setattr("bench.running.judge._MOST_PIXELS", 80 * 96 + 1)
    run(replace(request_, force=True))
    again = read_scores(request_.results)
    assert [row.identity for row in again] == [row.identity for row in whole]
    assert [row.value for row in again] == pytest.approx([row.value for row in whole], abs=1e-6)
    assert sizes == [1, 1, 1, 1]


def test_what_is_judged_is_what_is_saved(request_):
    run(replace(request_, metrics=("psnr",)))
    path = request_.results / "images/bicubic/mine/x4/p0.png"
    good = path.read_bytes()
    write_image(path, np.zeros_like(read_image(path)))
    run(request_)
    assert path.read_bytes() == good
    assert all(score.value < 0.5 for score in by(request_, metric="gmsd"))


def test_small_pictures_are_not_applicable_and_the_run_says_so(request_, capsys):
    summary = run(replace(request_, metrics=("psnr", "ms_ssim")))
    reason = "it needs 161 pixels on each side"
    assert summary.not_applicable == {("ms_ssim", reason): ["mine/p0", "mine/p1"]}
    assert not by(request_, metric="ms_ssim")
    arguments = ["run", "--datasets", *request_.datasets, "--models", "nearest", "--results"]
    assert main([*arguments, str(request_.results), "--metrics", "psnr", "ms_ssim"]) == 0
    assert f"n/a: ms_ssim of 2 pictures (mine/p0, mine/p1): {reason}" in capsys.readouterr().err


def test_flat_pictures_are_not_applicable_and_the_run_says_so(request_, tmp_path):
    write_image(tmp_path / "in" / "p0.png", np.full((64, 64, 3), 90, np.uint8))
    summary = run(replace(request_, metrics=("gradient_energy",)))
    ((metric, reason),) = summary.not_applicable
    assert (metric, reason) == ("gradient_energy", "no value for a picture so small or so flat")
    assert {score.image for score in by(request_, metric="gradient_energy")} == {"p1"}


def test_a_metric_that_fails_is_named_and_the_rest_goes_on(request_, monkeypatch):
    def broken(_scene):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(METRICS._items, "gmsd", replace(METRICS["gmsd"], function=broken))
    summary = run(request_)
    assert len(summary.failures) == 2
    assert summary.failures[0].startswith("gmsd on mine/p0: ZeroDivisionError: on purpose (test_judge.py:")
    assert len(by(request_, metric="lr_psnr")) == 4


def test_a_broken_parameter_file_is_named_once_and_the_rest_goes_on(request_, tmp_path):
    (tmp_path / "w").mkdir()
    file = tmp_path / "w" / "squeezenet1_0_caffe.npz"
    file.write_bytes(b"nothing")
    summary = run(replace(request_, metrics=("feature_distance", "gmsd"), weights_dir=file.parent))
    assert summary.failures == [f"feature_distance: {file}: not a numpy archive (.npz)"]
    assert len(by(request_, metric="gmsd")) == 4


def test_metrics_run_without_gradients_and_without_tf32_and_leave_torch_as_it_was(request_, monkeypatch):
    seen = []

    def look(scene):
        flags = torch.backends.cudnn
        seen.append((torch.is_grad_enabled(), flags.allow_tf32, flags.enabled))
        return [0.0] * len(scene.images)

    monkeypatch.setitem(METRICS._items, "gmsd", replace(METRICS["gmsd"], function=look))
    before = (torch.is_grad_enabled(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled)
    run(request_)
    assert set(seen) == {(False, False, True)}
    assert (
        torch.is_grad_enabled(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.enabled,
    ) == before


def test_an_unavailable_metric_is_named_with_what_to_do(request_, offline, capsys):
    arguments = ["run", "--datasets", *request_.datasets, "--models", "nearest", "--results"]
    arguments += [str(request_.results), "--metrics", "psnr", "lpips", "niqe"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("not available: ")]
    assert len(lines) == 2
    assert "lpips needs alexnet-owt-7be5be79.pth, which is not here, and https://download.pytorch" in lines[0]
    assert "put it into a folder and give that folder as weights_dir" in lines[0]
    assert "niqe needs niqe_params.npz or modelparameters.mat" in lines[1]
    assert "Traceback" not in err
    assert "PSNR" in out
    assert {score.metric for score in read_scores(request_.results)} == {"psnr"}
    assert set(read_header(request_.results).invocations[0].unavailable) == {"lpips", "niqe"}


def test_only_unavailable_metrics_is_no_error(request_, offline, capsys):
    arguments = ["run", "--datasets", *request_.datasets, "--models", "nearest", "--results"]
    assert main([*arguments, str(request_.results), "--metrics", "niqe"]) == 0
    assert "not available: niqe" in capsys.readouterr().err


def test_weights_come_from_the_users_folder_and_tables_state_them(request_, metric_weights, offline):
    request = replace(request_, metrics=("psnr", "feature_distance"), weights_dir=metric_weights)
    run(request)
    write_report(read_results(request.results))
    text = markdown_of(read_results(request.results))
    assert "|squeezenet1_0-b66bff10.pth@" in text
    assert "!|srmos:" in text  # random parameters are not the published ones
    assert stale_tables(read_results(request.results)) == []
    assert all(0 < score.value < 2 for score in by(request, metric="feature_distance"))


def test_other_weights_replace_the_rows(request_, metric_weights, tmp_path, offline):
    request = replace(request_, metrics=("feature_distance",), weights_dir=tmp_path / "w")
    request.weights_dir.mkdir()
    name = "squeezenet1_0-b66bff10.pth"
    state = torch.load(metric_weights / name, weights_only=True)
    torch.save(state, request.weights_dir / name)
    run(request)
    torch.save({key: value * 1.01 for key, value in state.items()}, request.weights_dir / name)
    summary = run(request)
    assert (summary.computed, summary.replaced) == (4, 4)


def test_a_folder_of_weights_that_is_not_there_is_one_line(request_, capsys):
    assert main(["run", "--weights-dir", "nowhere", "--results", str(request_.results)]) == 2
    assert capsys.readouterr().err == (
        "bench run: weights: expected a folder of parameter files, got nowhere\n"
    )


@pytest.mark.parametrize("command", [["metrics"], ["score", "SR", "SR"]])
def test_a_weights_folder_that_is_none_is_told_by_every_command(command, tmp_path, capsys):
    write_image(tmp_path / "sr.png", np.zeros((32, 32, 3), np.uint8))
    words = [str(tmp_path / "sr.png") if word == "SR" else word for word in command]
    assert main([*words, "--weights-dir", str(tmp_path / "nowhere")]) == 2
    assert "weights: expected a folder of parameter files, got" in capsys.readouterr().err


def test_the_jobs_give_the_same_rows(request_):
    run(request_)
    other = replace(request_, results=request_.results.with_name("jobs"), jobs=2)
    run(other)
    ours, theirs = by(request_), by(other)
    assert [score.identity for score in ours] == [score.identity for score in theirs]
    assert [score.value for score in ours] == pytest.approx([score.value for score in theirs], abs=1e-6)


def test_a_table_ranks_by_the_distance_from_the_ideal(request_):
    run(replace(request_, metrics=("gradient_energy",)))
    text = markdown_of(read_results(request_.results))
    cells = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| ")}
    values = {
        model: np.mean([score.value for score in by(request_, model=model)])
        for model in ("nearest", "bicubic")
    }
    best = min(values, key=lambda model: abs(values[model] - 1))
    assert "**" in cells[best]


# Files


def test_our_addresses_of_backbones_are_torchvisions():
    for network, name in (
        (models.VGG16_Weights.IMAGENET1K_V1, "vgg16-397923af.pth"),
        (models.AlexNet_Weights.IMAGENET1K_V1, "alexnet-owt-7be5be79.pth"),
        (models.SqueezeNet1_0_Weights.IMAGENET1K_V1, "squeezenet1_0-b66bff10.pth"),
    ):
        file = weight_files()[name]
        assert weights_module.address(file.url) == network.url
        assert name.rpartition("-")[2] == f"{file.sha256}.pth"
        assert file.megabytes == pytest.approx(network.meta["_file_size"], abs=1)


def test_our_addresses_of_other_parameters_are_piqs():
    import sys

    import piq
    from piq.clip_iqa import TOKENS_URL
    from piq.feature_extractors.clip import OPENIQA_CLIP_MODEL_PATH

    assert weight_files()["dists_weights.pt"].url == piq.DISTS._weights_url
    assert weight_files()["PieAPPv0.1.pth"].url == piq.PieAPP._weights_url
    assert weight_files()["clipiqa_tokens.pt"].url == TOKENS_URL
    assert weight_files()["RN50.pt"].url == OPENIQA_CLIP_MODEL_PATH
    constants = sys.modules["piq.brisque"]._score_svr.__code__.co_consts
    assert weight_files()["brisque_svm_weights.pt"].url in constants


def test_the_cache_is_torchs_own():
    assert str(torch_cache()) == f"{torch.hub.get_dir()}/checkpoints"


def test_the_users_folder_goes_before_the_cache(tmp_path):
    file = weight_files()["lpips_lin_v0.1_vgg.pth"]
    assert located(file, tmp_path) is None
    torch_cache().mkdir(parents=True)
    (torch_cache() / file.name).write_bytes(b"cached")
    assert located(file, tmp_path) == torch_cache() / file.name
    (tmp_path / "vgg.pth").write_bytes(b"mine")  # as its authors call it
    assert located(file, tmp_path) == tmp_path / "vgg.pth"


def test_what_is_missing_is_downloaded_once_to_torchs_cache(monkeypatch):
    asked = []

    def deliver(url, target, sha256, _report):
        asked.append((url, sha256))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"delivered")

    monkeypatch.setattr(weights_module, "download", deliver)
    found = [obtain(METRICS["feature_distance"], None) for _ in range(2)]
    assert asked == [(models.SqueezeNet1_0_Weights.IMAGENET1K_V1.url, "b66bff10")]
    assert found[0].paths == (torch_cache() / "squeezenet1_0-b66bff10.pth",)


@pytest.mark.data
def test_the_published_heads_of_lpips_are_recognised(data_folder, metric_weights, tmp_path):
    for name in ("lpips", "lpips_vgg"):
        backbone, heads = METRICS[name].weights
        (tmp_path / backbone).symlink_to(metric_weights / backbone)
        (tmp_path / heads).symlink_to(data_folder / "perceptual" / heads)
        first, second = obtain(METRICS[name], tmp_path).stated.split(",")
        assert first.endswith("!")
        assert not second.endswith("!")


@pytest.mark.data
def test_with_the_published_heads_lpips_is_positive(data_folder, metric_weights, tmp_path, request_):
    for name in ("lpips", "lpips_vgg"):
        backbone, heads = METRICS[name].weights
        (tmp_path / backbone).symlink_to(metric_weights / backbone)
        (tmp_path / heads).symlink_to(data_folder / "perceptual" / heads)
    request = replace(request_, metrics=("lpips", "lpips_vgg"), weights_dir=tmp_path)
    assert run(request).computed == 8
    assert all(0 < score.value < math.inf for score in read_scores(request.results))


def test_an_unknown_metric_is_still_a_mistake(request_):
    with pytest.raises(InputError, match="no metric called 'lpisp'; did you mean lpips"):
        run(replace(request_, metrics=("lpisp",)))


def test_the_list_says_what_is_here(metric_weights):
    def column(lines):
        return {line.split()[0]: line for line in lines if line}

    without, with_ = column(metric_lines()), column(metric_lines(metric_weights))
    assert " downloads 234 MB " in without["lpips"]
    assert " needs niqe_params.npz " in without["niqe"]
    assert all(" yes " in with_[name] for name in ("psnr", "lpips", "niqe", "clip_iqa", "gmsd"))


def test_listing_metrics_does_not_import_torch():
    import subprocess
    import sys

    program = (
        "import sys\nfrom bench.commands.listing import metric_lines\nmetric_lines()\n"
        "sys.exit('imported torch' if {'torch', 'torchvision', 'piq'} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

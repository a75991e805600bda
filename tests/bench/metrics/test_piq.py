"""Each metric that piq has is piq's own number, with the options that our signature states.

The networks have seeded random parameters: the real ones are downloads. piq's classes get them by replacing
the two functions they download with, and are otherwise called as their documentation says, pair by pair.
"""

import warnings

import numpy as np
import piq
import pytest
import torch
from piq.feature_extractors import clip as piq_clip
from piq.perceptual import ContentLoss
from skimage.metrics import structural_similarity

from bench.metric import METRICS
from bench.perceptual.scene import Scene
from bench.perceptual.weights import obtain
from sr_models.data.degrade import degradation
from sr_models.data.resize import imresize

PIQ = {
    "lpips_vgg": lambda sr, hr: piq.LPIPS()(sr, hr),
    "dists": lambda sr, hr: 1 - ContentLoss.forward(piq.DISTS(), sr, hr),  # its own forward shrinks first
    "dists_256": lambda sr, hr: piq.DISTS()(sr, hr),
    "pieapp": lambda sr, hr: piq.PieAPP(data_range=1.0, stride=27)(sr, hr),
    "clip_iqa": lambda sr, _: piq.CLIPIQA(data_range=1.0)(sr),
    "brisque": lambda sr, _: piq.brisque(sr, kernel_size=7, kernel_sigma=7 / 6, data_range=1.0),
    "vif": lambda sr, hr: piq.vif_p(sr, hr, sigma_n_sq=2.0, data_range=1.0),
    "fsim": lambda sr, hr: piq.fsim(sr, hr, data_range=1.0, chromatic=True),
    "gmsd": lambda sr, hr: piq.gmsd(sr, hr, data_range=1.0),
    "haarpsi": lambda sr, hr: piq.haarpsi(sr, hr, data_range=1.0),
    "mdsi": lambda sr, hr: piq.mdsi(sr, hr, data_range=1.0),
    "ms_ssim": lambda sr, hr: piq.multi_scale_ssim(sr, hr, data_range=1.0),
    "tv": lambda sr, _: piq.total_variation(sr, norm_type="l1") / (sr.shape[2] * sr.shape[3]),
}
"""As piq's documentation calls them, one pair at a time."""


def scene_of(hr, *images, crop_px=4):
    return Scene(images, hr, degradation("matlab")(hr, 4), 4, crop_px, "matlab", torch.device("cpu"))


def ours(name, scene, weights):
    metric = METRICS[name]
    with torch.inference_mode():
        return [float(value) for value in metric.function(scene, *obtain(metric, weights).paths)]


@pytest.fixture
def large():
    """A 328 x 296 part of a photograph: over 256 pixels, so that every metric's own shrinking shows."""
    from sr_models.data.dataset import load_sample, open_dataset

    return load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").hr[60:388, 100:396]


@pytest.fixture
def versions(large, rng):
    """Blurred and noisy versions of the large picture."""
    blurred = imresize(imresize(large, 1 / 4), 4)
    return blurred, np.clip(large + rng.normal(0, 15, large.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def piq_offline(monkeypatch, metric_weights):
    """piq with our random parameters in place of its downloads."""

    def load(url, **_):
        name = url.rpartition("/")[2]
        name = {"lpips_weights.pt": "lpips_lin_v0.1_vgg.pth"}.get(name, name)
        found = torch.load(metric_weights / name, weights_only=True)
        return list(found.values()) if name.startswith("lpips") else found

    def vgg16(**_):
        from torchvision.models import vgg

        network = torch.nn.Module()
        network.features = vgg.make_layers(vgg.cfgs["D"], batch_norm=False)
        state = torch.load(metric_weights / "vgg16-397923af.pth", weights_only=True)
        network.features.load_state_dict({key.removeprefix("features."): v for key, v in state.items()})
        return network

    import sys

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    monkeypatch.setattr("piq.perceptual.vgg16", vgg16)
    monkeypatch.setattr(sys.modules["piq.brisque"], "load_url", load)
    state = torch.load(metric_weights / "RN50.pt", weights_only=True)
    monkeypatch.setattr(piq_clip, "load", lambda: piq_clip.build_model(dict(state)).float())
    tokens = torch.load(metric_weights / "clipiqa_tokens.pt", weights_only=True)
    monkeypatch.setattr(sys.modules["piq.clip_iqa"], "download_tensor", lambda *_: tokens)


@pytest.mark.parametrize("name", PIQ)
def test_a_batch_gives_piqs_own_values_pair_by_pair(name, large, versions, piq_offline, metric_weights):
    scene = scene_of(large, *versions)
    found = ours(name, scene, metric_weights)
    with torch.no_grad():
        wanted = [float(PIQ[name](sr[None], scene.hr)) for sr in scene.sr]
    assert found == pytest.approx(wanted, abs=1e-5, rel=1e-5)
    assert abs(wanted[0] - wanted[1]) > 1e-4  # the two versions do differ


def test_lpips_with_alexnet_is_piqs_content_loss_with_alexnets_features(large, versions, metric_weights):
    from torchvision.models import alexnet

    network = alexnet(weights=None).features
    state = torch.load(metric_weights / "alexnet-owt-7be5be79.pth", weights_only=True)
    network.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    heads = torch.load(metric_weights / "lpips_lin_v0.1_alex.pth", weights_only=True)
    peer = ContentLoss(
        network, layers=["1", "4", "7", "9", "11"], weights=list(heads.values()), normalize_features=True
    )
    scene = scene_of(large, *versions)
    wanted = [float(peer(sr[None], scene.hr)) for sr in scene.sr]
    assert ours("lpips", scene, metric_weights) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", [*PIQ, "lpips", "feature_distance", "lr_psnr", "gradient_energy", "niqe"])
def test_a_value_does_not_depend_on_who_else_is_judged(name, photo, rng, metric_weights):
    large = photo.repeat(2, 0).repeat(2, 1)
    noisy = [np.clip(large + rng.normal(0, sd, large.shape), 0, 255).astype(np.uint8) for sd in (5, 20, 40)]
    together = ours(name, scene_of(large, *noisy), metric_weights)
    alone = [value for each in noisy for value in ours(name, scene_of(large, each), metric_weights)]
    assert together == pytest.approx(alone, abs=1e-5, rel=1e-5)


def test_vif_is_piqs_in_double_precision_where_single_precision_fails_in_flat_parts(large):
    stepped = large // 16 * 16  # flat parts, where single precision errs by 2e-4
    scene = scene_of(large, stepped)
    wanted = float(piq.vif_p(scene.sr.double(), scene.hr.double(), sigma_n_sq=2.0, data_range=1.0))
    assert ours("vif", scene, None) == pytest.approx([wanted], abs=1e-9)


def test_ms_ssim_is_the_product_of_scikit_images_terms(large, versions):
    crop = (slice(4, 324), slice(4, 292))  # divisible by 16: no scale is padded
    scene = scene_of(large[crop], versions[0][crop], crop_px=0)
    x, y = (each[0].double().numpy() for each in (scene.sr, scene.hr))
    channels = [multi_scale(x[c], y[c]) for c in range(3)]
    assert ours("ms_ssim", scene, None) == pytest.approx([np.mean(channels)], abs=1e-5)


def multi_scale(x, y):
    """A huge K1 makes SSIM's luminance term 1: what is left is contrast and structure."""
    result = 1.0
    for level, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if level:
            x, y = (a.reshape(a.shape[0] // 2, 2, a.shape[1] // 2, 2).mean(axis=(1, 3)) for a in (x, y))
        _, full = structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True,
            K1=0.01 if level == 4 else 1e6,
        )  # fmt: skip
        result *= max(0.0, full[5:-5, 5:-5].mean()) ** weight
    return result


def test_warnings_of_piq_do_not_reach_the_user(large, versions, metric_weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in PIQ:
            ours(name, scene_of(large, versions[0]), metric_weights)


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        (
            "fsim",
            "_construct_filters",
            {"x", "scales", "orientations", "min_length", "mult", "sigma_f", "delta_theta"},
        ),
        ("fsim", "_phase_congruency", {"x", "filters", "scales", "orientations", "k"}),
        ("brisque", "_natural_scene_statistics", {"luma"}),
        ("brisque", "_scale_features", {"features"}),
        ("brisque", "_rbf_kernel", {"features", "sv", "gamma"}),
    ],
)
def test_what_we_call_inside_piq_is_still_there(module, name, parameters):
    """Private, so a newer piq may change it: raise the bound in pyproject.toml only when this passes."""
    import inspect
    import sys

    function = getattr(sys.modules[f"piq.{module}"], name)
    assert parameters <= set(inspect.signature(function).parameters)

"""Every registered metric: better is better, a picture is most like itself, and the facts are stated."""

import math

import numpy as np
import pytest
import torch

from bench.metric import METRICS, PictureMetric, PlaneMetric
from bench.perceptual.scene import Scene
from bench.perceptual.weights import obtain, weight_files
from bench.protocols.presets import PROTOCOLS
from sr_models.data.degrade import degradation

PLANES = [name for name in METRICS.names() if isinstance(METRICS[name], PlaneMetric)]
PICTURES = [name for name in METRICS.names() if isinstance(METRICS[name], PictureMetric)]
WITHOUT_TASTE = ("brisque", "clip_iqa", "niqe", "pieapp", *(n for n in PICTURES if n.startswith("pyiqa_")))
"""With the random parameters of tests they prefer anything."""


@pytest.fixture(autouse=True)
def _pyiqa(fake_pyiqa):
    """Metrics that a user's own pyiqa computes keep the contract, too."""


def judged(name, weights, hr, *images, crop_px=0):
    metric = METRICS[name]
    scene = Scene(images, hr, degradation("matlab")(hr, 4), 4, crop_px, "matlab", torch.device("cpu"))
    with torch.inference_mode():
        values = [float(value) for value in metric.function(scene, *obtain(metric, weights).paths)]
    assert len(values) == len(images)
    return values


def noisy(picture, rng, deviation=25):
    return np.clip(picture + rng.normal(0, deviation, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def large(photo):
    """192 x 256: enough for every metric."""
    return photo.repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", PLANES)
def test_every_plane_metric_prefers_the_picture_itself(name, protocol, photo, rng):
    views = [PROTOCOLS[protocol].view(each, scale=4, is_grey=False) for each in (photo, noisy(photo, rng))]
    itself, worse = METRICS[name](views[0], views[0]), METRICS[name](views[1], views[0])
    assert METRICS[name].badness(itself) < METRICS[name].badness(worse)


@pytest.mark.parametrize("name", [name for name in PICTURES if name not in WITHOUT_TASTE])
def test_every_picture_metric_prefers_the_picture_itself(name, large, rng, metric_weights):
    itself, better, worse = (
        METRICS[name].badness(value)
        for value in judged(name, metric_weights, large, large, noisy(large, rng, 8), noisy(large, rng, 40))
    )
    assert itself < better < worse


PERFECT = {
    "dists": 0, "dists_256": 0, "flip": 0, "ssimulacra2": 100,
    "feature_distance": 0, "gmsd": 0, "lpips": 0, "lpips_vgg": 0, "mdsi": 0, "phase_spread": 0,
    "fsim": 1, "gradient_energy": 1, "haarpsi": 1, "ms_ssim": 1, "vif": 1, "lr_psnr": math.inf,
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in PICTURES if n not in (*WITHOUT_TASTE, "tv")])
def test_the_picture_itself_scores_the_best_there_is(name, large, metric_weights):
    (value,) = judged(name, metric_weights, large, large)
    assert value == pytest.approx(PERFECT[name], abs=1e-5)


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_metric_takes_grey_pictures(name, large, rng, metric_weights):
    grey = large[..., :1].repeat(3, axis=2)
    other = noisy(large, rng)[..., :1].repeat(3, axis=2)
    assert all(math.isfinite(value) for value in judged(name, metric_weights, grey, other))


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_metric_takes_the_smallest_picture_it_states(name, large, rng, metric_weights):
    side = METRICS[name].min_side
    small = large[:side, : max(side, min(2 * side, 256))]
    if name in ("gradient_energy", "tv", "lr_psnr"):
        small = large[:8, :8]  # they state one pixel; LR needs some
    (value,) = judged(name, metric_weights, small, noisy(small, rng))
    assert math.isfinite(value)


@pytest.mark.parametrize("name", PICTURES)
def test_a_flat_picture_has_a_value_or_none_but_raises_nothing(name, metric_weights):
    flat = np.full((192, 192, 3), 128, np.uint8)
    (value,) = judged(name, metric_weights, flat, flat)
    assert isinstance(value, float)


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_states_its_facts(name):
    metric = METRICS[name]
    assert metric.source
    assert metric.version
    assert metric.digits > 0


@pytest.mark.parametrize("name", PICTURES)
def test_the_signature_states_options_libraries_and_weights(name):
    metric = METRICS[name]
    signature = metric.signature(PROTOCOLS["matlab"], 4, "w.pth@0123")
    assert f"|{metric.options}|" in signature
    assert "|w.pth@0123|" in signature
    assert all(f"|{library}:" in signature for library in metric.libraries)
    assert ("|crop0|" if metric.whole else "|crop4|") in signature
    assert not {"Y601r", "Y709d"} & set(signature.split("|"))
    assert all(file in weight_files() for file in metric.weights)

"""Every registered model keeps the contract: uint8 RGB in, uint8 RGB out, scale times the size."""

import numpy as np
import pytest

from sr_models.data.image import to_grey
from sr_models.models import MODELS
from sr_models.upscaler import LumaUpscaler

FAST = [model.name for model in MODELS if not model.slow]


def levels(name):
    """Colour errors allowed, in grey levels: what LR consistency of 45 dB, or 33 from features, comes to."""
    is_from_features = name.startswith(("srresnet-vgg", "srgan-vgg"))
    return 255 / 10 ** ((33 if is_from_features else 45) / 20)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("shape", [(17, 13), (24, 24), (1, 5)])
def test_any_size_grows_by_the_scale(name, shape, rng):
    lr = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    before = lr.copy()
    sr = MODELS[name].build(4)(lr)
    assert sr.dtype == np.uint8
    assert sr.shape == (4 * shape[0], 4 * shape[1], 3)
    assert np.array_equal(lr, before)


@pytest.mark.parametrize("name", FAST)
def test_the_same_picture_gives_the_same_result(name, photo):
    build = MODELS[name].build
    assert np.array_equal(build(4)(photo), build(4)(photo))


@pytest.mark.parametrize("name", FAST)
def test_a_grey_picture_stays_nearly_grey(name, photo):
    grey = np.repeat(to_grey(photo)[..., None], 3, axis=2)
    sr = MODELS[name].build(4)(grey).astype(int)
    assert np.abs(np.diff(sr, axis=2)).mean() < levels(name)


@pytest.mark.parametrize("name", FAST)
def test_the_mean_colour_is_kept(name, photo):
    sr = MODELS[name].build(4)(photo)
    assert sr.mean(axis=(0, 1)) == pytest.approx(photo.mean(axis=(0, 1)), abs=levels(name))


@pytest.mark.parametrize("name", FAST)
def test_every_model_states_a_version(name):
    assert MODELS[name].version


@pytest.mark.parametrize("name", FAST)
def test_a_luma_path_grows_by_the_scale_and_is_not_rounded(name, photo):
    upscaler = MODELS[name].build(4)
    if isinstance(upscaler, LumaUpscaler):
        luma = upscaler.upscale_luma(photo[..., 1].astype(float))
        assert luma.shape == (4 * photo.shape[0], 4 * photo.shape[1])
        assert not np.array_equal(luma, np.rint(luma))
    else:
        assert name not in ("bicubic", "srcnn", "srcnn-955", "espcn", "drcn")


def test_nearest_repeats_every_pixel(rng):
    lr = rng.integers(0, 256, (3, 5, 3)).astype(np.uint8)
    assert np.array_equal(MODELS["nearest"].build(3)(lr), np.kron(lr, np.ones((3, 3, 1), np.uint8)))

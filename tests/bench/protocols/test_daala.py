import itertools

import numpy as np
import oracles
import pytest
from goldens import golden_rows
from hypothesis import given
from hypothesis import strategies as st

from bench.protocols.daala import daala_luma, daala_ssim, dither, kiss99
from bench.protocols.presets import protocol
from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.luma import psnr
from sr_models.models import MODELS


def test_the_generator_equals_marsaglias_word_by_word():
    assert kiss99(5000).tolist() == list(itertools.islice(oracles.kiss99(), 5000))


def test_dither_equals_the_rejection_loop():
    stream = oracles.kiss99()
    spreads = (1223320000, 1479548743, 1255654969)
    expected = np.array(
        [[[oracles.triangular(stream, spread) for spread in spreads] for _ in range(4)] for _ in range(300)]
    )
    assert np.array_equal(np.stack(dither(300), axis=2), expected)


def test_a_longer_dither_begins_with_the_shorter():
    for short, long in zip(dither(5000), dither(20_000), strict=True):
        assert np.array_equal(short, long[:5000])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 8), (8, 7), (7, 9), (2, 2), (1, 1), (33, 20)])
def test_luma_equals_the_scalar_definition_odd_edges_included(height, width, rng):
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert np.array_equal(daala_luma(image), oracles.daala_luma(image))


@given(st.tuples(*[st.sampled_from([0, 1, 127, 254, 255])] * 3))
def test_luma_equals_the_scalar_definition_at_the_ends_of_the_range(rgb):
    image = np.full((4, 4, 3), rgb, np.uint8)
    assert np.array_equal(daala_luma(image), oracles.daala_luma(image))


def test_luma_of_a_photograph_equals_the_scalar_definition(photo):
    assert np.array_equal(daala_luma(photo[:40, :50]), oracles.daala_luma(photo[:40, :50]))


@pytest.mark.parametrize("shape", [(40, 30), (9, 40), (300, 8)])
def test_ssim_equals_the_scalar_definition(shape, rng):
    hr = rng.integers(0, 256, shape).astype(np.uint8)
    sr = np.clip(hr + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)
    assert daala_ssim(sr, hr) == pytest.approx(oracles.daala_ssim(sr, hr), abs=1e-12)


def test_a_picture_is_like_itself(photo):
    plane = daala_luma(photo)
    assert daala_ssim(plane, plane) == pytest.approx(1, abs=1e-12)


@pytest.mark.data
@pytest.mark.parametrize("model", ["nearest", "bicubic"])
def test_every_picture_of_set5_equals_the_tools_themselves(model, data_folder):
    """golden/daala_Set5_x4.csv was made by the tools: PSNR to 1e-3 dB, SSIM to 1e-5."""
    rows = {row["image"]: row for row in golden_rows(data_folder.parent / "golden" / "daala_Set5_x4.csv")}
    view = protocol("srgan").view
    for picture in open_dataset("Set5", 4, "stored"):
        sample = load_sample(picture, "stored")
        sr = view(MODELS[model].build(4)(sample.lr), scale=4, is_grey=False).planes
        hr = view(sample.hr, scale=4, is_grey=False).planes
        row = rows.pop(picture.image)
        assert psnr(sr, hr) == pytest.approx(float(row[f"{model}_psnr"]), abs=1e-3)
        assert daala_ssim(sr[0], hr[0]) == pytest.approx(float(row[f"{model}_ssim"]), abs=1e-5)
    assert not rows

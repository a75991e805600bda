import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr

from sr_models.data.luma import FULL_SWING_WEIGHTS, gradient_energy, luma, luma_uint8, psnr


def test_luma_spans_studio_swing():
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert luma(ends).tolist() == [[16.0, 235.0]]
    assert luma_uint8(ends).tolist() == [[16, 235]]


def test_luma_equals_scikit_images(photo):
    assert luma(photo) == pytest.approx(rgb2ycbcr(photo)[..., 0], abs=1e-3)  # its constants have 3 decimals


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_rounded_luma_is_the_nearest_level(rgb):
    exact = luma(np.array([[rgb]], np.uint8)).item()
    assert abs(luma_uint8(np.array([[rgb]], np.uint8)).item() - exact) <= 0.5 + 1e-9


def test_psnr_of_one_step_of_error_is_the_closed_form():
    hr = np.full((8, 8), 100, np.uint8)
    assert psnr(hr + 1, hr) == pytest.approx(20 * math.log10(255), abs=1e-12)
    assert psnr(hr - 3, hr) == pytest.approx(20 * math.log10(255 / 3), abs=1e-12)


def test_psnr_does_not_wrap_around_in_uint8():
    assert psnr(np.uint8([[0]]), np.uint8([[255]])) == 0.0


def test_identical_pictures_have_infinite_psnr():
    assert psnr(np.zeros((2, 2)), np.zeros((2, 2))) == math.inf


def test_gradient_energy_of_a_ramp_is_the_sum_of_its_squared_steps():
    y, x = np.mgrid[:9, :7].astype(float)
    assert gradient_energy(3 * x + 4 * y) == pytest.approx(4**2 * 8 * 7 + 3**2 * 9 * 6)


def test_full_swing_weights_are_those_that_are_written_everywhere():
    assert FULL_SWING_WEIGHTS == (0.299, 0.587, 0.114)  # exactly: scores were computed with these

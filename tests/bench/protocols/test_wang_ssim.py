import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.protocols.wang_ssim import wang_ssim
from sr_models.data.errors import InputError


def planes(seed, height, width, noise):
    rng = np.random.default_rng(seed)
    hr = np.clip(rng.normal(rng.uniform(0, 255), rng.uniform(0, 80), (height, width)), 0, 255)
    return np.clip(hr + rng.normal(0, noise, hr.shape), 0, 255), hr


@given(st.integers(0, 2**32), st.integers(11, 90), st.integers(11, 90), st.floats(0.1, 60))
def test_ssim_equals_scikit_images(seed, height, width, noise):
    sr, hr = planes(seed, height, width, noise)
    assert wang_ssim(sr, hr) == pytest.approx(oracles.ssim(sr, hr), abs=5e-6)


def test_ssim_of_a_photograph_equals_scikit_images(photo):
    sr = np.roll(photo[..., 1], 1, axis=0)
    assert wang_ssim(sr, photo[..., 1]) == pytest.approx(oracles.ssim(sr, photo[..., 1]), abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(255, 254), (0, 1), (0, 255), (128, 128)])
def test_constant_planes_leave_the_luminance_term(a, b):
    c1 = (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert wang_ssim(np.full((20, 20), a), np.full((20, 20), b)) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 2**32))
def test_ssim_is_symmetric_and_one_for_the_plane_itself(seed):
    sr, hr = planes(seed, 30, 40, 10)
    assert wang_ssim(sr, hr) == pytest.approx(wang_ssim(hr, sr), abs=1e-6)
    assert wang_ssim(hr, hr) == pytest.approx(1, abs=1e-7)


def test_a_plane_smaller_than_the_window_is_refused():
    with pytest.raises(InputError, match="expected at least 11x11 pixels after cropping, got 10x30"):
        wang_ssim(np.zeros((30, 10)), np.zeros((30, 10)))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import resized, resized_axis

from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.degrade import DEGRADATIONS, degradation
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import read_image
from sr_models.data.resize import imresize, resize_matrix


@pytest.mark.parametrize("border", ["replicate", "mirror"])
@pytest.mark.parametrize("scale", [1 / 8, 1 / 4, 1 / 3, 1 / 2, 2, 3, 4, 0.7, 1.3])
@pytest.mark.parametrize("n", [1, 3, 7, 24])
def test_one_axis_equals_the_definition(n, scale, border, rng):
    signal = rng.normal(size=n)
    assert resize_matrix(n, scale, border) @ signal == pytest.approx(
        resized_axis(signal, scale, border), abs=1e-12
    )


@given(st.integers(1, 40), st.sampled_from([2, 3, 4, 5, 6, 7, 8]))
def test_shrinking_a_multiple_gives_exactly_its_share(n, scale):
    assert resize_matrix(n * scale, 1 / scale, "replicate").shape == (n, n * scale)


@pytest.mark.parametrize("scale", [1 / 4, 3])
def test_both_axes_of_a_photograph_equal_the_definition(photo, scale):
    assert np.array_equal(imresize(photo, scale), resized(photo, scale))


def test_rows_come_first_and_each_pass_rounds():
    """uint8: the second pass sees rounded rows; a float picture is never rounded."""
    picture = np.zeros((4, 4), np.uint8)
    picture[0, 0] = 255
    rows = np.floor((resize_matrix(4, 0.5, "replicate") @ picture.astype(float)).clip(0, 255) + 0.5)
    expected = np.floor((resize_matrix(4, 0.5, "replicate") @ rows.T).T.clip(0, 255) + 0.5)
    assert np.array_equal(imresize(picture, 0.5), expected)
    unrounded = imresize(picture.astype(float), 0.5)
    assert unrounded[0, 0] == pytest.approx(
        (resize_matrix(4, 0.5, "replicate") @ picture[:, 0])[0] ** 2 / 255
    )


@given(
    st.integers(0, 255), st.sampled_from([1 / 4, 1 / 3, 2, 3, 4]), st.sampled_from(["replicate", "mirror"])
)
def test_a_constant_picture_stays_constant(value, scale, border):
    assert np.unique(imresize(np.full((9, 11, 3), value, np.uint8), scale, border=border)).tolist() == [value]


def test_channels_are_independent(photo):
    whole = imresize(photo, 1 / 4)
    for channel in range(3):
        assert np.array_equal(whole[..., channel], imresize(photo[..., channel], 1 / 4))


def test_the_border_changes_the_outer_ring_only(photo):
    differs = (imresize(photo, 1 / 4) != imresize(photo, 1 / 4, border="mirror")).any(axis=2)
    assert differs.any()
    assert not differs[3:-3, 3:-3].any()


def test_a_scale_of_nothing_is_refused(photo):
    with pytest.raises(InputError, match="expected a positive scale, got 0"):
        imresize(photo, 0)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_gives_uint8_at_the_right_size(name, photo):
    lr = degradation(name)(photo, 4)
    assert lr.dtype == np.uint8
    assert lr.shape == (24, 32, 3)


def test_an_unknown_degradation_says_what_was_near():
    with pytest.raises(UnknownNameError, match="no degradation called 'matlap'; did you mean matlab"):
        degradation("matlap")


@pytest.mark.data
@pytest.mark.parametrize(
    ("dataset", "scale", "count"),
    [("Set5", 2, 5), ("Set5", 3, 5), ("Set5", 4, 5), ("Set14", 2, 14), ("Set14", 3, 14), ("Set14", 4, 14),
     ("BSD100", 4, 100)],
)  # fmt: skip
def test_lr_made_from_hr_equals_the_stored_files_in_every_pixel(dataset, scale, count):
    pictures = open_dataset(dataset, scale, "stored")
    assert len(pictures) == count
    for picture in pictures:
        hr = load_sample(picture, "stored").hr
        assert np.count_nonzero(imresize(hr, 1 / scale) != read_image(picture.lr)) == 0, picture.image

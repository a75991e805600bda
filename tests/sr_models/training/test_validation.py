"""What validation reports, against values known by hand."""

import math

import numpy as np
import pytest

from sr_models.data.image import read_image
from sr_models.data.resize import imresize
from sr_models.training.validation import held_out, measure, write_held_out, write_samples
from sr_models.zoo.bicubic import Bicubic


def test_held_out_pairs_are_the_packs_held_out_pictures_and_their_lr(pack):
    pairs = held_out(pack, 4)
    (picture,) = [p for p in pack.pictures if p.held_out]
    assert np.array_equal(pairs.hr[0], pack.image(picture))
    assert np.array_equal(pairs.lr[0], imresize(pairs.hr[0], 1 / 4))


def test_one_level_of_error_everywhere_is_the_closed_form():
    hr = np.full((32, 32, 3), 100, np.uint8)
    found = measure([hr + 1], [hr], [imresize(hr, 1 / 4)])
    step = (65.481 + 128.553 + 24.966) / 255  # of luma
    assert found.psnr_db == pytest.approx(20 * math.log10(255 / step))
    assert found.consistency_db == pytest.approx(20 * math.log10(255))


def test_the_border_of_scale_pixels_is_left_out():
    hr = np.full((32, 32, 3), 100, np.uint8)
    sr = hr.copy()
    sr[:4] = 0
    assert measure([sr], [hr], [imresize(hr, 1 / 4)]).psnr_db == 100.0  # no error at all counts as 100 dB


def test_bicubic_is_smoother_than_the_original(pack):
    pairs = held_out(pack, 4)
    found = measure([Bicubic(4)(lr) for lr in pairs.lr], pairs.hr, pairs.lr)
    assert 0.02 < found.gradient_energy < 0.2  # these pictures are mostly noise


def test_samples_show_lr_result_and_hr_side_by_side(pack, tmp_path):
    pairs = held_out(pack, 4)
    write_samples(tmp_path / "s.png", list(pairs.hr), pairs)
    sheet = read_image(tmp_path / "s.png")
    height, width = pairs.hr[0].shape[:2]
    assert sheet.shape == (height + 4, 3 * width, 3)
    assert np.array_equal(sheet[:height, width : 2 * width], pairs.hr[0])
    assert np.array_equal(sheet[0:height:4, 0:width:4], pairs.lr[0])


def test_the_held_out_middles_are_written_as_they_are_validated_on(pack, tmp_path):
    count = write_held_out(pack, 4, tmp_path / "held")
    pairs = held_out(pack, 4)
    files = sorted((tmp_path / "held").iterdir())
    assert count == len(files) == len(pairs.hr)
    for path, hr in zip(files, pairs.hr, strict=True):
        assert np.array_equal(read_image(path), hr)

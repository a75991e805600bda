"""Training pairs: the right pixels, the right LR, and an order that depends on (seed, step) alone."""

import numpy as np
import pytest
import torch

from sr_models.data.errors import InputError
from sr_models.data.resize import imresize
from sr_models.training.crops import Shrink, crop_source, gather, orient


def test_the_plan_of_a_step_does_not_depend_on_where_a_chunk_begins(pack):
    source = crop_source(pack, 32)
    whole = source.plan(seed=3, first_step=0, steps=20, batch=4)
    parts = [source.plan(3, 0, 7, 4), source.plan(3, 7, 1, 4), source.plan(3, 8, 12, 4)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_seeds_and_steps_differ(pack):
    source = crop_source(pack, 32)
    plan = source.plan(0, 0, 50, 4)
    assert len(np.unique(plan.reshape(50, -1), axis=0)) == 50
    assert not np.array_equal(plan, source.plan(1, 0, 50, 4))


def test_a_crop_is_the_part_of_the_picture_that_the_plan_says(pack):
    source = crop_source(pack, 32)
    plan = source.plan(0, 0, 40, 4).reshape(-1, 3)
    plan[:, 2] = 0
    crops = gather(torch.from_numpy(pack.pixels()), torch.from_numpy(plan), 32).permute(0, 2, 3, 1).numpy()
    trained = [p for p in pack.pictures if not p.held_out]
    for (address, stride, _), crop in zip(plan, crops, strict=True):
        picture = next(p for p in trained if p.offset <= address < p.offset + p.size)
        y, rest = divmod(int(address) - picture.offset, int(stride))
        assert stride == 3 * picture.width
        assert np.array_equal(crop, pack.image(picture)[y : y + 32, rest // 3 : rest // 3 + 32])


def test_every_training_picture_every_corner_and_every_orientation_is_drawn(pack):
    plan = crop_source(pack, 32).plan(0, 0, 5000, 8).reshape(-1, 3)
    for picture in pack.pictures:
        mine = plan[(plan[:, 0] >= picture.offset) & (plan[:, 0] < picture.offset + picture.size)]
        assert (len(mine) == 0) == picture.held_out
        if not picture.held_out:
            first, last = picture.offset, picture.offset + 3 * (16 * picture.width + picture.width - 32)
            assert {first, last} <= set(mine[:, 0])
            assert mine[:, 0].max() == last
    counts = np.bincount(plan[:, 2])
    assert len(counts) == 8
    assert counts.min() > 4700


def test_orientations_are_the_eight_of_the_square(rng):
    crop = rng.integers(0, 256, (1, 3, 5, 5)).astype(np.uint8)
    turned = orient(torch.from_numpy(np.repeat(crop, 8, 0)), torch.arange(8)).numpy()
    wanted = {
        np.rot90(side, k, (1, 2)).tobytes() for side in (crop[0], crop[0][:, :, ::-1]) for k in range(4)
    }
    assert {image.tobytes() for image in turned} == wanted
    assert len(wanted) == 8


@pytest.mark.parametrize(("crop_px", "scale"), [(96, 4), (64, 4), (34, 2), (48, 3), (96, 8)])
def test_the_lr_of_training_is_imresize_in_every_pixel(crop_px, scale, rng):
    noise = rng.integers(0, 256, (6, 3, crop_px, crop_px))
    extremes = 255 * rng.integers(0, 2, (6, 3, crop_px, crop_px))  # overshoots that must be clipped
    hr = np.concatenate([noise, extremes]).astype(np.uint8)
    ours = Shrink(crop_px, scale, torch.device("cpu"))(torch.from_numpy(hr)).numpy()
    theirs = np.stack([imresize(image.transpose(1, 2, 0), 1 / scale).transpose(2, 0, 1) for image in hr])
    assert np.count_nonzero(ours != theirs) == 0


def test_the_lr_of_training_is_exact_under_autocast_too(rng):
    hr = torch.from_numpy(rng.integers(0, 256, (2, 3, 32, 32)).astype(np.uint8))
    shrink = Shrink(32, 4, torch.device("cpu"))
    with torch.autocast("cpu", torch.bfloat16):
        inside = shrink(hr)
    assert torch.equal(inside, shrink(hr))


def test_a_crop_must_be_a_multiple_of_the_scale():
    with pytest.raises(InputError, match="multiple of the scale 4, got 30 px"):
        Shrink(30, 4, torch.device("cpu"))


def test_a_picture_smaller_than_a_crop_is_named(pack):
    with pytest.raises(InputError, match=r"pictures/\d.png is 64x48, smaller than a 56 px crop \(7 such"):
        crop_source(pack, 56)

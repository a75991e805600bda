import math

import numpy as np
import pytest
from goldens import golden_rows
from hypothesis import given
from hypothesis import strategies as st

from bench.metric import METRICS
from bench.protocols.presets import PROTOCOLS, protocol
from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import crop_border
from sr_models.data.luma import luma, luma_uint8
from sr_models.models import MODELS

SAMPLE = list(golden_rows("sample_x4.csv"))


def score(metric, sr, hr, preset, *, is_grey=False, scale=4):
    view = protocol(preset).view
    return METRICS[metric](view(sr, scale=scale, is_grey=is_grey), view(hr, scale=scale, is_grey=is_grey))


@pytest.mark.parametrize("row", SAMPLE, ids=["-".join(list(row.values())[:4]) for row in SAMPLE])
def test_the_sample_scores_as_the_oracles_say(row):
    picture = next(each for each in open_dataset("sample", 4, "matlab") if each.image == row["image"])
    sample = load_sample(picture, "matlab")
    value = score(row["metric"], MODELS[row["model"]].build(4)(sample.lr), sample.hr, row["protocol"])
    assert value == pytest.approx(float(row["value"]), abs=1e-4 if row["metric"] == "psnr" else 1e-5)


@given(st.integers(0, 2**32), st.sampled_from(sorted(PROTOCOLS)))
def test_more_noise_never_scores_better(seed, preset):
    rng = np.random.default_rng(seed)
    hr = rng.integers(60, 196, (40, 44, 3)).astype(np.uint8)
    noise = rng.normal(0, 1, hr.shape)
    noisy = [np.clip(np.rint(hr + sigma * noise), 0, 255).astype(np.uint8) for sigma in (4, 12, 36)]
    for metric in ("psnr", "ssim"):
        values = [score(metric, sr, hr, preset) for sr in noisy]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("preset", [name for name in PROTOCOLS if PROTOCOLS[name].crop(4)])
def test_what_lies_in_the_crop_does_not_count(preset, photo):
    sr = np.roll(photo, 1, axis=1)
    framed = sr.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    for metric in ("psnr", "ssim"):
        assert score(metric, framed, photo, preset) == score(metric, sr, photo, preset)


def test_the_crop_is_the_scale_except_in_the_paper(photo):
    assert protocol("matlab").view(photo, scale=3, is_grey=False).planes.shape == (1, 90, 122)
    assert protocol("srgan").view(photo, scale=3, is_grey=False).planes.shape == (1, 88, 120)


def test_luma_is_rounded_or_not(photo):
    inner = crop_border(photo, 4)
    assert np.array_equal(protocol("matlab").view(photo, scale=4, is_grey=False).planes[0], luma_uint8(inner))
    assert np.array_equal(protocol("basicsr").view(photo, scale=4, is_grey=False).planes[0], luma(inner))


def test_a_grey_picture_is_scored_as_stored_or_as_rgb():
    """One grey level of error: as stored it is one, as RGB luma only 219/255 of one."""
    hr = np.full((20, 20, 3), 100, np.uint8)
    as_stored = score("psnr", hr + 1, hr, "matlab", is_grey=True)
    as_rgb = score("psnr", hr + 1, hr, "basicsr", is_grey=True)
    assert as_stored == pytest.approx(20 * math.log10(255), abs=1e-9)
    assert as_rgb == pytest.approx(20 * math.log10(255 * 255 / 219), abs=1e-9)


def test_rgb_is_one_error_over_all_channels():
    hr = np.full((20, 20, 3), 100, np.uint8)
    sr = hr.copy()
    sr[..., 0] += 3
    assert score("psnr", sr, hr, "rgb") == pytest.approx(10 * math.log10(255**2 / (9 / 3)), abs=1e-9)
    assert score("rmse", sr, hr, "rgb") == pytest.approx(math.sqrt(9 / 3), abs=1e-12)
    assert score("rmse", sr, sr, "rgb") == 0.0


def test_signatures_say_what_was_compared():
    assert (
        protocol("matlab").signature("psnr", 4).startswith("psnr|Y601r|crop4|u8|grey:asis|mean-dB|v1|srmos:")
    )
    assert (
        protocol("srgan").signature("ssim", 2).startswith("ssim:daala|Y709d|crop4|u8|grey:rgb|mean|v1|srmos:")
    )
    assert "|lr:Y|" in protocol("srcnn").signature("psnr", 3)


def test_two_protocols_never_share_a_signature():
    signatures = {each.signature("ssim", 3) for each in PROTOCOLS.values()}
    assert len(signatures) == len(PROTOCOLS) == 6


def test_pictures_of_two_sizes_or_protocols_cannot_be_compared(photo):
    with pytest.raises(InputError, match="sr is 116x88 but hr is 120x88"):
        score("psnr", photo[:, 4:], photo, "matlab")
    views = [protocol(name).view(photo, scale=4, is_grey=False) for name in ("matlab", "rgb")]
    with pytest.raises(InputError, match="expected two views of one protocol"):
        METRICS["psnr"](*views)


def test_an_unknown_protocol_says_what_was_near():
    with pytest.raises(UnknownNameError, match="did you mean matlab"):
        protocol("matlb")


@pytest.mark.data
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("dataset", ["Set5", "Set14"])
def test_bicubic_equals_matlab_on_every_picture(dataset, scale, data_folder):
    """SelfExSR's published tables, made by MATLAB: PSNR to 1e-4 dB, SSIM to 1e-5."""
    golden = data_folder.parent / "golden" / f"matlab_bicubic_{dataset}_x{scale}.csv"
    rows = {row["image"]: row for row in golden_rows(golden)}
    for picture in open_dataset(dataset, scale, "matlab"):
        sample = load_sample(picture, "matlab")
        sr = MODELS["bicubic"].build(scale)(sample.lr)
        row = rows.pop(picture.image)
        for metric, column, tolerance in (("psnr", "psnr_db", 1e-4), ("ssim", "ssim", 1e-5)):
            value = score(metric, sr, sample.hr, "matlab", is_grey=sample.is_grey, scale=scale)
            assert value == pytest.approx(float(row[column]), abs=tolerance), (picture.name, metric)
    assert not rows

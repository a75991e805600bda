"""Picture metrics of our own, against closed forms and scalar code."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import special
from scipy.io import savemat
from scipy.ndimage import convolve
from scipy.stats import laplace, norm

from bench.metric import METRICS
from bench.perceptual import niqe as niqe_module
from bench.perceptual.backbones import laid_out, load_archive, squeezenet
from bench.perceptual.niqe import Natural, asymmetric_gaussian, block_features, niqe, read_natural
from bench.perceptual.scene import Scene
from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError

CPU = torch.device("cpu")


def value(name, hr, image, *paths, lr=None, crop_px=0):
    lr = degradation("matlab")(hr, 4) if lr is None else lr
    scene = Scene((image,), hr, lr, 4, crop_px, "matlab", CPU)
    with torch.inference_mode():
        (result,) = METRICS[name].function(scene, *paths)
    return float(result)


def flat(level, side=32):
    return np.full((side, side, 3), level, np.uint8)


def ramp(step, side=32):
    return np.broadcast_to((step * np.arange(side, dtype=np.uint8))[None, :, None], (side, side, 3)).copy()


def test_lr_psnr_of_a_shift_in_brightness_is_the_closed_form():
    assert value("lr_psnr", flat(100), flat(110)) == pytest.approx(20 * math.log10(255 / 10))


def test_lr_psnr_looks_at_the_border_whatever_the_protocol_crops():
    framed = flat(100)
    framed[:4] = 140
    assert value("lr_psnr", flat(100), framed, crop_px=8) == value("lr_psnr", flat(100), framed, crop_px=0)
    assert value("lr_psnr", flat(100), framed) < 40


def test_phase_spread_of_a_known_grid_is_its_height():
    hr = flat(100)
    grid = hr.copy()
    grid[1::4, 2::4] += 6  # one of sixteen positions
    assert value("phase_spread", hr, grid) == pytest.approx(6)
    assert value("phase_spread", hr, hr + 7) == pytest.approx(0, abs=1e-9)  # brightness is no grid


def test_phase_spread_looks_at_the_flatter_half_of_hr(rng):
    hr = flat(100)
    hr[:, 18:] = rng.integers(60, 140, (32, 14, 3))
    grid = hr.copy()
    grid[::4, 24::4] += 9  # where HR has texture nobody sees a grid
    assert value("phase_spread", hr, grid) == pytest.approx(0, abs=1e-9)


def test_lr_psnr_is_infinite_where_the_lr_picture_comes_back():
    assert value("lr_psnr", flat(100), flat(100)) == math.inf


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "low", "high"), [("authors-srresnet-mse", 48.7, 49.2), ("authors-srgan-vgg54", 35.3, 36.2)]
)
def test_lr_psnr_of_the_srgan_authors_pictures_is_what_others_measured(name, low, high):
    from bench.running.outputs import output_entrants

    pictures = open_dataset("Set5", 4, "matlab")
    (entrant,) = (each for each in output_entrants(["srgan-authors"], pictures, None) if each.name == name)
    values = []
    for picture in pictures:
        sample = load_sample(picture, "matlab")
        values.append(value("lr_psnr", sample.hr, entrant.upscale(picture, sample), lr=sample.lr))
    assert low < np.mean(values) < high


def test_gradient_energy_of_half_the_contrast_is_a_quarter():
    assert value("gradient_energy", ramp(6), ramp(3)) == pytest.approx(0.25)


def test_gradient_energy_of_a_flat_hr_has_no_value():
    assert math.isnan(value("gradient_energy", flat(9), ramp(3)))


def test_more_gradient_energy_than_hr_is_no_better_than_less():
    badness = METRICS["gradient_energy"].badness
    assert badness(1.25) == badness(0.75) > badness(1.0)


def test_total_variation_of_a_ramp_is_its_step():
    step = 3 / 255  # to the right only, in each of three channels, at 31 of 32 columns
    assert value("tv", ramp(3), ramp(3)) == pytest.approx(3 * step * 31 / 32)


def test_feature_distance_lies_between_0_and_2(rng, photo, metric_weights):
    network = metric_weights / "squeezenet1_0-b66bff10.pth"
    strange = rng.integers(0, 256, photo.shape).astype(np.uint8)
    assert 0 < value("feature_distance", photo, strange, network) < 2


@pytest.mark.data
def test_caffes_squeezenet_gets_bgr_less_its_mean(data_folder, photo):
    path = data_folder / "perceptual" / "squeezenet1_0_caffe.npz"
    x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float()
    bgr = x.flip(1) - torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
    with np.load(path) as arrays:
        weight, bias = (torch.from_numpy(arrays[f"conv1_{kind}"]) for kind in "wb")
    wanted = torch.conv2d(bgr, weight, bias, stride=2).relu()
    found = squeezenet(path, CPU)(x / 255)
    torch.testing.assert_close(found[0], wanted, rtol=1e-4, atol=1e-3)
    assert [maps.shape[1] for maps in found] == [96, 256, 512, 512]


@pytest.mark.data
def test_to_caffes_squeezenet_a_blurred_picture_is_further_than_a_sharp_one(data_folder, photo):
    from sr_models.data.resize import imresize

    path = data_folder / "perceptual" / "squeezenet1_0_caffe.npz"
    distances = [
        value("feature_distance", photo, imresize(imresize(photo, 1 / s), s), path) for s in (2, 4, 8)
    ]
    assert distances == sorted(distances)


def test_a_file_of_another_network_is_named(tmp_path, photo, metric_weights):
    with pytest.raises(InputError, match="not the parameters of squeezenet1_0"):
        value("feature_distance", photo, photo, metric_weights / "alexnet-owt-7be5be79.pth")
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.pth: not a file of plain tensors"):
        value("feature_distance", photo, photo, tmp_path / "broken.pth")
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a numpy archive"):
        value("feature_distance", photo, photo, tmp_path / "no.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(1))
    with pytest.raises(InputError, match="not SqueezeNet"):
        value("feature_distance", photo, photo, tmp_path / "other.npz")


def test_clip_is_read_from_an_archive_with_code_as_openai_publishes_it(tmp_path):
    layer = torch.nn.Linear(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; files in the field remain
        torch.jit.save(torch.jit.script(layer), tmp_path / "code.pt")
    torch.save(layer.state_dict(), tmp_path / "plain.pt")
    for name in ("code.pt", "plain.pt"):
        torch.testing.assert_close(load_archive(tmp_path / name), dict(layer.state_dict()))
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(InputError, match=r"text\.pt: neither"):
        load_archive(tmp_path / "text.pt")


# NIQE


@pytest.mark.parametrize(("distribution", "shape"), [(norm, 2.0), (laplace, 1.0)])
def test_the_shape_of_a_known_distribution_is_found(distribution, shape):
    values = distribution.ppf((np.arange(200_000) + 0.5) / 200_000, scale=3)
    found, left, right = asymmetric_gaussian(values)
    spread = 3 * (2**0.5 if distribution is norm else 1)  # of the generalised Gaussian's own parameter
    assert found == pytest.approx(shape, abs=2e-3)
    assert (left, right) == (pytest.approx(spread, rel=2e-3), pytest.approx(spread, rel=2e-3))


def test_a_lopsided_distribution_has_two_spreads():
    half = norm.ppf((np.arange(100_000) + 0.5) / 200_000)
    _, left, right = asymmetric_gaussian(np.concatenate([half, -3 * half]))
    assert right / left == pytest.approx(3)


def scalar_features(block):
    """The 18 statistics, straight from the paper, with no shared line."""
    grid = np.arange(200, 10_001) / 1000
    table = special.gamma(2 / grid) ** 2 / (special.gamma(1 / grid) * special.gamma(3 / grid))

    def fit(values):
        left = math.sqrt(sum(v * v for v in values if v < 0) / sum(v < 0 for v in values))
        right = math.sqrt(sum(v * v for v in values if v > 0) / sum(v > 0 for v in values))
        g = left / right
        r = (sum(map(abs, values)) / len(values)) ** 2 / (sum(v * v for v in values) / len(values))
        r *= (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
        a = grid[np.argmin(np.abs(table - r))]
        to_beta = math.sqrt(special.gamma(1 / a) / special.gamma(3 / a))
        return a, left * to_beta, right * to_beta

    height, width = block.shape
    a, left, right = fit(list(block.ravel()))
    found = [a, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        products = [
            block[y, x] * block[(y - down) % height, (x - across) % width]
            for y in range(height)
            for x in range(width)
        ]
        a, left, right = fit(products)
        found += [a, (right - left) * special.gamma(2 / a) / special.gamma(1 / a), left, right]
    return found


def test_the_statistics_of_a_block_are_those_of_scalar_code(photo):
    luma = photo[:96, :96, 1].astype(float)
    at = np.arange(-3, 4)
    window = np.exp(-(at[:, None] ** 2 + at[None, :] ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = convolve(luma, window, mode="nearest")
    deviation = np.sqrt(np.abs(convolve(luma**2, window, mode="nearest") - mean**2))
    wanted = scalar_features((luma - mean) / (deviation + 1))
    assert block_features(luma)[0, :18] == pytest.approx(wanted, abs=1e-9)


@pytest.fixture
def luma(photo):
    return photo.repeat(2, 0).repeat(2, 1)[..., 1].astype(float)  # 192 x 256: four blocks


def test_niqe_is_the_distance_of_the_means_under_the_mean_covariance(luma, rng):
    features = block_features(luma)
    assert features.shape == (4, 36)
    away = rng.normal(size=36)
    natural = Natural(features.mean(axis=0) + away, 8 * np.eye(36) - np.cov(features, rowvar=False))
    assert niqe(luma, natural) == pytest.approx(math.sqrt(away @ away / 4))  # (8 I) / 2 = 4 I


def test_niqe_of_pictures_like_the_natural_ones_is_0(luma):
    features = block_features(luma)
    assert niqe(luma, Natural(features.mean(axis=0), np.eye(36))) == pytest.approx(0, abs=1e-9)


def test_niqe_of_one_block_or_of_flat_ones_has_no_value(luma):
    natural = Natural(np.zeros(36), np.eye(36))
    assert math.isnan(niqe(luma[:96, :96], natural))
    assert math.isnan(niqe(np.full((192, 192), 7.0), natural))


@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_parameters_are_read_from_matlab_and_numpy_files(tmp_path, rng, suffix):
    parameters = {"mu_prisparam": rng.normal(size=(1, 36)), "cov_prisparam": rng.normal(size=(36, 36))}
    path = tmp_path / f"p{suffix}"
    if suffix == ".mat":
        savemat(path, parameters)
    else:
        np.savez(path, **parameters)
    natural = read_natural(path)
    assert (natural.mean == parameters["mu_prisparam"][0]).all()
    assert (natural.covariance == parameters["cov_prisparam"]).all()


@pytest.mark.parametrize("content", [b"", b"nothing"])
@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_a_broken_parameter_file_is_one_sentence(tmp_path, suffix, content):
    (tmp_path / f"p{suffix}").write_bytes(content)
    with pytest.raises(InputError, match="mu_prisparam"):
        read_natural(tmp_path / f"p{suffix}")


def test_basicsrs_names_of_the_parameters_are_known(tmp_path, rng):
    mean, covariance = rng.normal(size=36), rng.normal(size=(36, 36))
    np.savez(
        tmp_path / "p.npz", mu_pris_param=mean, cov_pris_param=covariance, gaussian_window=np.ones((7, 7))
    )
    natural = read_natural(tmp_path / "p.npz")
    assert (natural.mean == mean).all()
    assert (natural.covariance == covariance).all()


def test_parameters_of_another_size_are_refused(tmp_path):
    np.savez(tmp_path / "p.npz", mu_prisparam=np.zeros(18), cov_prisparam=np.eye(18))
    with pytest.raises(InputError, match="36 numbers"):
        read_natural(tmp_path / "p.npz")


def test_niqe_knows_36_statistics():
    assert niqe_module.FEATURES == 2 * (2 + 4 * 4)


def test_on_a_cpu_maps_lie_channels_last_from_pictures_that_do_not():
    layer = laid_out(torch.nn.Conv2d(3, 8, 3), CPU)
    maps = layer(torch.rand(2, 3, 16, 16))
    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert not maps.is_contiguous()

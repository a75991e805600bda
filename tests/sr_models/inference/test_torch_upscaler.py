"""Inference: tiles, folding, averaging and luma change nothing but rounding."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from sr_models.data.errors import InputError
from sr_models.data.luma import luma
from sr_models.data.resize import imresize
from sr_models.inference.torch_upscaler import (
    Inference,
    fold_batch_norm,
    pick_device,
    run,
    self_ensemble,
    tile_side,
    tiled,
    to_images,
    to_tensor,
    upscaler,
    with_inference,
)
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig

CPU = Inference(device="cpu")
NETWORKS = [SrresnetConfig(blocks=2, width=8), SrcnnConfig(), EspcnConfig()]


def _warm(config):
    """A network whose batch norms have seen something."""
    torch.manual_seed(0)
    network = config.build()
    with torch.no_grad():
        for _ in range(5):
            network(torch.rand(4, 1 if config.colour == "luma" else 3, 12, 12))
    return network.eval()


@pytest.mark.parametrize("config", NETWORKS, ids=lambda c: c.family)
def test_tiles_equal_the_whole_before_rounding(config):
    network = _warm(config)
    x = torch.rand(1, 1 if config.colour == "luma" else 3, 53, 41)
    with torch.inference_mode():
        whole = network(x)
        parts = tiled(network, x, config.scale, side=16, reach=network.reach)
        cut = tiled(network, x, config.scale, side=16, reach=network.reach // 3)
    assert float((parts - whole).abs().max()) < 1e-5
    assert float((cut - whole).abs().max()) > 1e-5  # the overlap is needed


@pytest.mark.parametrize("config", NETWORKS, ids=lambda c: c.family)
def test_a_small_memory_budget_changes_no_pixel_by_more_than_one_level(config, photo):
    model = upscaler(_warm(config), config.scale, config.colour, CPU)
    tiles = replace(model, inference=replace(model.inference, memory_mb=1))
    assert tile_side(model.network, 1, tiles.inference) < min(photo.shape[:2])
    assert np.abs(model(photo).astype(int) - tiles(photo).astype(int)).max() <= 1


def test_batch_norms_fold_into_their_convolutions_and_the_network_given_is_left_alone():
    network = _warm(SrresnetConfig(blocks=2, width=8))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    folded = fold_batch_norm(network.train())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    x = torch.rand(2, 3, 9, 9)
    with torch.no_grad():
        assert torch.allclose(folded(x), network.eval()(x), atol=1e-6)


@pytest.mark.parametrize("config", NETWORKS, ids=lambda c: c.family)
def test_what_is_made_ready_computes_what_the_network_does(config):
    network = _warm(config)
    ready = upscaler(network, config.scale, config.colour, CPU).network
    x = torch.rand(2, 3 if config.colour == "rgb" else 1, 9, 8)
    given = x.clone()
    with torch.no_grad():
        assert torch.allclose(ready(x), network.eval()(x), atol=1e-5)
    assert torch.equal(x, given)
    assert any(getattr(module, "inplace", False) for module in ready.modules()) or config.family == "espcn"


def test_a_batch_is_its_pictures_one_by_one(rng):
    model = upscaler(_warm(NETWORKS[0]), 4, "rgb", CPU)
    pictures = list(rng.integers(0, 256, (3, 10, 12, 3)).astype(np.uint8))
    for alone, together in zip(map(model, pictures), model.batch(pictures), strict=True):
        assert np.abs(alone.astype(int) - together).max() <= 1
    with pytest.raises(InputError, match="one size"):
        model.batch([pictures[0], pictures[1][1:]])


def test_the_ensemble_of_what_does_not_care_about_orientation_is_itself():
    enlarge = lambda x: x.repeat_interleave(2, -1).repeat_interleave(2, -2)  # noqa: E731
    x = torch.rand(1, 3, 5, 7)
    assert torch.allclose(self_ensemble(enlarge, x), enlarge(x), atol=1e-6)


def test_the_ensemble_is_the_mean_over_eight_orientations():
    network = _warm(NETWORKS[0])
    x = torch.rand(1, 3, 8, 6)
    with torch.inference_mode():
        ours = run(network, x, 4, replace(CPU, self_ensemble=True))
        mirrored = run(network, x.flip(-1), 4, replace(CPU, self_ensemble=True)).flip(-1)
        turned = run(network, torch.rot90(x, 1, (-2, -1)), 4, replace(CPU, self_ensemble=True))
        plain = network(x)
    assert torch.allclose(ours, mirrored, atol=1e-6)
    assert torch.allclose(torch.rot90(ours, 1, (-2, -1)), turned, atol=1e-6)
    assert float((ours - plain).abs().max()) > 1e-4


def test_luma_models_keep_bicubic_chroma_and_replace_luma(photo):
    model = upscaler(_warm(EspcnConfig()), 4, "luma", CPU)
    model.network.body[4].weight.data *= 0.1  # stay away from clipping
    model.network.body[4].bias.data.fill_(-0.05)  # around a mid-grey of 0.5
    lr = (photo[:20, :24] * 0.2 + 100).astype(np.uint8)
    sr = model(lr)
    assert luma(sr) == pytest.approx(model.upscale_luma(luma(lr)), abs=0.51)
    bicubic = imresize(lr.astype(float), 4)
    for a, b in ((0, 1), (1, 2)):  # differences of channels carry chroma alone
        difference = sr[..., a].astype(float) - sr[..., b]
        assert difference == pytest.approx(bicubic[..., a] - bicubic[..., b], abs=1.01)


def test_bf16_stays_within_a_few_levels_of_fp32(photo):
    network = _warm(SrresnetConfig(blocks=2, width=8, init="passthrough"))
    full = upscaler(network, 4, "rgb", CPU)(photo[:24, :24])
    half = upscaler(network, 4, "rgb", replace(CPU, dtype="bf16"))(photo[:24, :24])
    assert 0 < np.abs(full.astype(int) - half.astype(int)).max() <= 8


def test_options_can_be_given_to_a_model_that_is_already_built(photo):
    model = upscaler(_warm(NETWORKS[0]), 4, "rgb", CPU)
    assert with_inference(model, replace(CPU, memory_mb=1)).inference.memory_mb == 1
    alien = type("Alien", (), {"scale": 4, "__call__": lambda self, lr: lr})()
    assert with_inference(alien, CPU) is alien


def test_a_model_that_is_already_built_is_left_as_it_is(photo):
    half = upscaler(_warm(NETWORKS[0]), 4, "rgb", replace(CPU, dtype="bf16"))
    before = half(photo[:24, :24])
    with_inference(half, CPU)
    assert np.array_equal(half(photo[:24, :24]), before)


def test_an_activation_before_a_convolution_leaves_the_skip_alone():
    class PreActivated(nn.Module):
        reach, floats_per_pixel = 1, 100

        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Conv2d(1, 1, 1))

        def forward(self, x):
            return x + self.body(x - 0.5)

    network = PreActivated()
    x = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    wanted = network(x)
    ready = upscaler(network, 1, "luma", CPU).network
    y = (x - 0.5).clone()
    ready.body(y)
    assert torch.equal(y, x - 0.5)
    assert torch.allclose(run(ready, x, 1, CPU), wanted)


def test_batch_norms_without_running_averages_are_not_folded():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False))
    x = torch.rand(2, 3, 4, 4)
    assert torch.allclose(fold_batch_norm(network)(x), network(x))


def test_fp32_is_not_tf32():
    class Curious(nn.Module):
        reach, floats_per_pixel = 0, 1

        def forward(self, x):
            seen.append(torch.backends.cudnn.allow_tf32)
            return x

    seen: list[bool] = []
    before = torch.backends.cudnn.allow_tf32
    run(Curious(), torch.rand(1, 1, 2, 2), 1, CPU)
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 == before


def test_rounding_happens_once_half_up_and_clipped():
    x = torch.tensor([-0.1, 0.5 / 255, 1.49 / 255, 2.5 / 255, 1.2]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert to_images(x)[0][0, :, 0].tolist() == [0, 1, 1, 3, 255]


def test_pictures_survive_the_way_to_tensors_and_back(rng):
    pictures = list(rng.integers(0, 256, (2, 4, 5, 3)).astype(np.uint8))
    assert all(np.array_equal(a, b) for a, b in zip(pictures, to_images(to_tensor(pictures)), strict=True))


@pytest.mark.parametrize("name", ["cuda:77", "nonsense"])
def test_an_unknown_device_says_so(name):
    with pytest.raises(InputError, match=f"no device '{name}' here"):
        pick_device(name)


def test_fp16_wants_a_gpu():
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        upscaler(_warm(NETWORKS[2]), 4, "luma", replace(CPU, dtype="fp16"))


class Diverged(nn.Module):
    """The picture itself, with one value that is no finite number."""

    reach, floats_per_pixel = 0, 0

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        x = x.clone()
        x[0, 0, 0, 0] = self.value
        return x


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("colour", "values"), [("rgb", 60), ("luma", 20)])
def test_output_that_is_not_finite_is_an_error_and_never_a_pixel(colour, values, value, photo):
    model = upscaler(Diverged(value), 1, colour, CPU)
    with pytest.raises(InputError, match=f"1 of {values} values of the network's output are not finite"):
        model(photo[:4, :5])

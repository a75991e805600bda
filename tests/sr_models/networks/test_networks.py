"""The networks: counted from the papers, and exact where a closed form exists."""

import weakref

import numpy as np
import pytest
import torch

from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.resize import imresize
from sr_models.networks.bicubic import BicubicEnlargement
from sr_models.networks.config import FAMILIES, from_json, to_json
from sr_models.networks.discriminator import Discriminator
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.initial import icnr_
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig

SMALL = {
    "srcnn": SrcnnConfig(),
    "srcnn-955": SrcnnConfig(kernels=(9, 5, 5)),
    "espcn": EspcnConfig(),
    "drcn": DrcnConfig(width=8, recursions=3),
    "srresnet": SrresnetConfig(blocks=2, width=8),
    "srresnet-plain": SrresnetConfig(blocks=1, width=8, norm="none", long_skip=False),
    "srresnet-x2": SrresnetConfig(scale=2, blocks=1, width=8),
    "srresnet-x3": SrresnetConfig(scale=3, blocks=1, width=8),
    "srresnet-x8": SrresnetConfig(scale=8, blocks=1, width=8),
}


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        (SrresnetConfig(), 1_549_462),
        (SrcnnConfig(), 8_129),
        (SrcnnConfig(kernels=(9, 5, 5)), 57_281),
        (EspcnConfig(), 24_752),
        (DrcnConfig(), 1_775_121),
    ],
)
def test_parameters_are_as_many_as_counted_from_the_papers(config, weights):
    assert sum(p.numel() for p in config.build().parameters()) == weights


def test_the_discriminator_has_the_papers_parameters_and_takes_any_crop():
    discriminator = Discriminator()
    assert sum(p.numel() for p in discriminator.parameters()) == 23_565_505
    with torch.no_grad():
        assert Discriminator(4)(torch.zeros(3, 3, 40, 56)).shape == (3,)


def test_the_discriminators_pooling_changes_nothing_at_the_papers_crop():
    maps = torch.rand(2, 8, 6, 6)
    assert torch.equal(Discriminator(1).head[0](maps), maps)


@pytest.mark.parametrize("name", SMALL)
def test_networks_enlarge_by_their_scale(name):
    config = SMALL[name]
    channels = 1 if config.colour == "luma" else 3
    with torch.no_grad():
        out = config.build().eval()(torch.rand(2, channels, 7, 5))
    assert out.shape == (2, channels, 7 * config.scale, 5 * config.scale)


@pytest.mark.parametrize("name", SMALL)
def test_nothing_beyond_the_stated_reach_acts_on_a_result(name):
    config = SMALL[name]
    network = config.build().eval()
    x = torch.rand(1, 1 if config.colour == "luma" else 3, 1, 2 * network.reach + 5, requires_grad=True)
    middle = config.scale * (network.reach + 2)
    network(x)[..., middle : middle + config.scale].sum().backward()
    seen = x.grad.abs().sum(dim=(0, 1, 2)) > 0
    left, right = int(seen.nonzero().min()), int(seen.nonzero().max())
    assert left >= 2
    assert right <= 2 * network.reach + 2
    assert right - left > 2  # it does look around


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(11, 6), (1, 3)])
def test_enlargement_by_convolution_is_imresize(scale, shape, rng):
    picture = rng.random(shape)
    ours = BicubicEnlargement(scale).double()(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    # Kernels are float32, which halves' thirds do not fit.
    assert ours == pytest.approx(imresize(picture, scale), abs=1e-7)


@pytest.mark.parametrize("kernels", [(9, 1, 5), (9, 5, 5)])
def test_srcnn_starts_at_bicubic_and_sees_contrast_alone(kernels, rng):
    network = SrcnnConfig(kernels=kernels).build()
    picture = torch.from_numpy(rng.random((1, 1, 6, 5))).float()
    with torch.no_grad():
        assert torch.allclose(network(torch.full((1, 1, 4, 4), 0.7)), torch.tensor(0.7), atol=1e-5)
        network.body[4].weight[:, 1:] = 0.0  # what is not the carried picture
        assert torch.allclose(network(picture), network.enlarge(picture).clamp(min=0), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_passing_through_starts_at_nearest_neighbour_plus_a_little(scale, rng):
    network = SrresnetConfig(scale=scale, blocks=2, width=16, init="passthrough").build()
    network.tail.weight.data[:, 3:] = 0.0  # what is not the carried picture
    picture = torch.from_numpy(rng.random((1, 3, 6, 5))).float()
    nearest = picture.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    with torch.no_grad():
        assert torch.allclose(network.train()(picture), nearest, atol=1e-6)


def test_icnr_starts_without_checkerboard():
    conv = torch.nn.Conv2d(5, 2 * 9, 3, padding=1)
    icnr_(conv, 3)
    with torch.no_grad():
        out = torch.nn.functional.pixel_shuffle(conv(torch.rand(1, 5, 4, 4)), 3)
    squares = out.reshape(1, 2, 4, 3, 4, 3)
    assert torch.equal(squares, squares[:, :, :, :1, :, :1].expand_as(squares))


def test_the_long_skip_is_what_joins_head_and_upscaling():
    with_skip, without = (
        SrresnetConfig(blocks=1, width=4, long_skip=s).build().eval() for s in (True, False)
    )
    without.load_state_dict(with_skip.state_dict())
    for network in (with_skip, without):
        network.join[1].weight.data.zero_()
        network.join[1].bias.data.zero_()
    a, b = torch.rand(2, 1, 3, 6, 6)
    with torch.no_grad():
        assert torch.equal(without(a), without(b))  # nothing passes
        assert not torch.equal(with_skip(a), with_skip(b))


def test_a_drcn_adds_up_what_its_recursions_predict():
    network = DrcnConfig(width=6, recursions=4).build()
    network.recur[0].weight.data.add_(0.05 * torch.randn_like(network.recur[0].weight))  # all turns differ
    network.weights.data = torch.tensor([0.5, -0.25, 0.25, 0.4])
    x = torch.rand(2, 1, 7, 5)
    with torch.no_grad():
        predictions, out = network.predictions(x), network(x)
    assert predictions.shape == (2, 5, 28, 20)
    assert not torch.allclose(predictions[:, 0], predictions[:, 1], atol=1e-4)
    by_hand = sum(w * predictions[:, [d]] for d, w in enumerate(network.weights.detach()))
    assert torch.allclose(out, by_hand, atol=1e-6)
    assert torch.allclose(predictions[:, 4:], by_hand, atol=1e-6)


def test_a_drcn_starts_with_the_identity_as_recursion():
    predictions = DrcnConfig(width=6, recursions=3).build().predictions(torch.rand(1, 1, 6, 6)).detach()
    assert torch.allclose(predictions, predictions[:, :1].expand_as(predictions), atol=1e-6)


@torch.inference_mode()
def test_a_drcn_starts_at_bicubic_where_there_is_no_contrast(rng):
    network = DrcnConfig(width=6, recursions=3).build()
    for brightness in (0.0, 0.4, 1.0):
        flat = torch.full((1, 1, 5, 6), brightness)
        assert torch.allclose(network.predictions(flat), torch.tensor(brightness), atol=1e-5)
    picture = torch.from_numpy(rng.random((1, 1, 5, 6))).float()
    assert not torch.allclose(network(picture), network.enlarge(picture), atol=1e-3)


@torch.inference_mode()
def test_a_drcn_never_holds_its_recursions_at_once():
    network = DrcnConfig(width=6, recursions=12).build()
    made, alive = [], []

    def watch(_module, _inputs, output):
        alive.append(sum(reference() is not None for reference in made))
        made.append(weakref.ref(output))

    network.recur.register_forward_hook(watch)
    network(torch.rand(1, 1, 5, 5))
    assert len(made) == 12
    assert max(alive) <= 1  # the one before, which the new one was made from


@pytest.mark.parametrize("name", SMALL)
def test_options_survive_json(name):
    assert from_json(to_json(SMALL[name])) == SMALL[name]


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"family": "srresnt"}, UnknownNameError, "did you mean srresnet"),
        ({"family": "espcn", "depth": 3}, InputError, "espcn has no option depth"),
        ({"family": "srresnet", "scale": 5}, InputError, "expected a scale of 2, 3, 4, 8, got 5"),
        ({"family": "srresnet", "norm": "layer"}, InputError, "expected norm to be batch or none"),
        ({"family": "srresnet", "init": "zero"}, InputError, "expected init to be default"),
        ({"family": "srresnet", "blocks": -1}, InputError, "expected 0 or more blocks"),
        ({"family": "drcn", "recursions": 0}, InputError, "expected 1 or more recursions .* got 0 of 256"),
        ({"family": "srcnn", "kernels": [9, 2, 5]}, InputError, "three odd kernel sizes"),
    ],
)
def test_a_wrong_option_says_what_there_is(values, error, says):
    with pytest.raises(error, match=says):
        from_json(values)


def test_every_family_has_a_test_here():
    assert {type(config) for config in SMALL.values()} == set(FAMILIES.values())


def test_half_a_grey_level_of_noise_is_not_amplified_by_bicubic():
    rows = np.abs(BicubicEnlargement(4).kernels.numpy()).sum(axis=(1, 2, 3))
    assert rows.max() < 1.6  # the sum of |weights| bounds how much rounding of LR can show

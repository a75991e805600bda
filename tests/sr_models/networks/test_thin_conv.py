"""ThinConv2d is nn.Conv2d: same results, gradients, parameters and exported graph."""

import copy

import pytest
import torch
from torch import nn

from sr_models.networks.thin_conv import ThinConv2d


@pytest.fixture(
    params=[(4, 1, 3, 1), (5, 3, 9, 4), (3, 2, 5, 0)], ids=["3x3 to 1", "9x9 to 3", "5x5 to 2, unpadded"]
)
def convs(request):
    """A thin convolution and PyTorch's, of the same weights."""
    n_in, n_out, kernel, padding = request.param
    thin, plain = ThinConv2d(n_in, n_out, kernel, padding), nn.Conv2d(n_in, n_out, kernel, padding=padding)
    plain.load_state_dict(thin.state_dict())
    return thin, plain


def test_results_and_gradients_are_those_of_a_convolution(convs):
    x = torch.randn(2, convs[0].in_channels, 13, 11)
    results = []
    for conv in convs:
        seen = x.clone().requires_grad_()
        y = conv(seen)
        y.square().sum().backward()
        results.append((y.detach(), seen.grad, conv.weight.grad, conv.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_quick_way_is_taken_on_cpus_in_fp32_and_bf16_alone(convs, monkeypatch):
    thin, _ = convs
    taken = []
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, x: taken.append(x.dtype) or x)
    thin(torch.randn(1, thin.in_channels, 9, 9))
    with torch.autocast("cpu", torch.bfloat16):
        thin(torch.randn(1, thin.in_channels, 9, 9))
    assert taken == []
    thin(torch.randn(1, thin.in_channels, 9, 9).double())
    thin(torch.randn(1, thin.in_channels, 9, 9, device="meta"))
    assert taken == [torch.float64, torch.float32]


def test_bf16_is_that_of_a_convolution_up_to_rounding(convs):
    thin, plain = convs
    x = torch.randn(1, thin.in_channels, 12, 12)
    exact = plain(x).detach()
    half = copy.deepcopy(thin).bfloat16()(x.bfloat16()).detach().float()
    # Inputs, weights, parts and result are rounded to 8 bits: 2**-8 of the terms' size each, at random.
    assert float((half - exact).square().mean().sqrt() / exact.square().mean().sqrt()) < 4 * 2**-8


def test_an_exported_graph_has_one_convolution(convs):
    thin, _ = convs
    graph = torch.export.export(thin, (torch.randn(1, thin.in_channels, 12, 12),)).graph
    assert sum("conv2d" in str(node.target) for node in graph.nodes) == 1


def test_a_copy_is_worth_the_original(convs):
    thin, _ = convs
    x = torch.randn(1, thin.in_channels, 9, 9)
    assert torch.equal(copy.deepcopy(thin)(x), thin(x))
    assert set(thin.state_dict()) == {"weight", "bias"}

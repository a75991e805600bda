"""SharedPReLU is nn.PReLU: same results, gradients, parameters and exported graph."""

import pytest
import torch
from torch import nn

from sr_models.networks.shared_prelu import SharedPReLU


def _seen(layer, x):
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * torch.linspace(-1, 2, y.numel()).reshape(y.shape).to(y.dtype)).sum().backward()
    return y.detach(), x.grad, layer.weight.grad


@pytest.mark.parametrize("slope", [0.25, 0.0, -0.5, 1.5])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_results_and_gradients_are_those_of_a_prelu(slope, layout):
    ours, theirs = SharedPReLU(), nn.PReLU()
    for layer in (ours, theirs):
        layer.weight.data.fill_(slope)
    x = torch.randn(2, 3, 7, 5).contiguous(memory_format=layout)
    x[0, 0, 0, :2] = torch.tensor([0.0, -0.0])
    for a, b in zip(_seen(ours, x), _seen(theirs, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_the_slopes_gradient_is_the_closed_form():
    layer = SharedPReLU()
    x = torch.tensor([-3.0, -1.0, 2.0]).reshape(1, 3, 1, 1)
    (torch.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1) * layer(x)).sum().backward()
    assert layer.weight.grad.tolist() == [-13.0]


def test_gradients_in_bf16_are_those_in_fp32_up_to_rounding():
    x = torch.randn(4, 64, 24, 24)
    results = [_seen(SharedPReLU(), x.to(dtype)) for dtype in (torch.bfloat16, torch.float32)]
    (_, half, slope_half), (_, full, slope_full) = results
    torch.testing.assert_close(half.float(), full, rtol=2**-7, atol=2**-7)
    torch.testing.assert_close(slope_half, slope_full, rtol=2**-7, atol=0)


def test_without_gradients_and_in_exported_graphs_it_is_pytorchs(monkeypatch):
    layer = SharedPReLU()
    graph = torch.export.export(layer, (torch.randn(1, 2, 3, 3),)).graph
    assert any("prelu" in str(node.target) for node in graph.nodes)
    taken = []
    monkeypatch.setattr(nn.PReLU, "forward", lambda self, x: taken.append(1) or x)
    with torch.no_grad():
        layer(torch.zeros(1, 1, 1, 1))
    layer(torch.zeros(1, 1, 1, 1, device="meta"))
    assert len(taken) == 2

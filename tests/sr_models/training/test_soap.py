"""SOAP: Adam in the directions in which gradients vary."""

import pytest
import torch
from torch import nn

from sr_models.training.soap import Soap


def _steep(rows, columns):
    """A quadratic valley, 1,000 times as steep one way as another, askew in both sides' axes."""
    turn_left, turn_right = (torch.linalg.qr(torch.randn(n, n))[0] for n in (rows, columns))
    left, right = torch.logspace(0, -1.5, rows), torch.logspace(0, -1.5, columns)
    a, b = turn_left @ left.diag() @ turn_left.T, turn_right @ right.diag() @ turn_right.T
    return lambda w: ((a @ w @ b) * w).sum()


def _descended(optimiser, start, loss, steps, lr=1e-2):
    w = nn.Parameter(start.clone())
    stepper = optimiser([w], lr=torch.tensor(lr))
    for _ in range(steps):
        stepper.zero_grad()
        loss(w).backward()
        stepper.step()
    return w.detach()


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_the_first_gradient_shows_directions_and_moves_nothing():
    start = torch.randn(4, 3)
    assert torch.equal(_descended(Soap, start, lambda w: w.square().sum(), 1), start)


def test_the_second_step_of_a_single_weight_is_adams_first():
    w = _descended(Soap, torch.tensor([2.0]), lambda w: 3 * w.sum(), 2)
    assert float(w) == pytest.approx(2.0 - 1e-2)  # lr * sign of the gradient


def test_it_descends_a_skew_valley_further_than_adam():
    loss, start = _steep(12, 8), torch.randn(12, 8)
    ours, adams = (float(loss(_descended(o, start, loss, 400))) for o in (Soap, torch.optim.Adam))
    assert ours < 0.2 * adams


def test_turning_the_problem_turns_the_path():
    turn, back = (
        torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for n in (5, 5)
    )  # square: no empty directions
    target = torch.randn(5, 5, dtype=torch.float64)
    start = torch.randn(5, 5, dtype=torch.float64)
    scale = torch.rand(5, 5, dtype=torch.float64) + 0.1

    def loss(w):
        return (scale * (w - target)).square().sum()

    for optimiser, follows in ((Soap, True), (torch.optim.Adam, False)):
        plain = _descended(optimiser, start, loss, 30)
        turned = _descended(optimiser, turn @ start @ back, lambda w: loss(turn.T @ w @ back.T), 30)
        assert torch.allclose(turned, turn @ plain @ back, atol=1e-4, rtol=1e-4) == follows


def test_kernels_and_biases_go_down_too():
    conv, x = nn.Conv2d(3, 8, 3), torch.randn(2, 3, 9, 9)
    soap = Soap(conv.parameters(), lr=torch.tensor(1e-2))
    losses = []
    for _ in range(60):
        soap.zero_grad()
        loss = (conv(x) - 1).square().mean()
        loss.backward()
        soap.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_step_that_is_not_finite_changes_nothing():
    w = nn.Parameter(torch.ones(2, 2))
    soap = Soap([w], lr=torch.tensor(1e-2))
    for gradient in (torch.randn(2, 2), torch.randn(2, 2)):
        w.grad = gradient
        soap.step()
    before, state = w.detach().clone(), {k: v.clone() for k, v in soap.state[w].items()}
    w.grad, soap.found_inf = torch.full((2, 2), float("nan")), torch.tensor(1.0)
    soap.step()
    assert torch.equal(w.detach(), before)
    assert all(torch.equal(soap.state[w][k], v) for k, v in state.items())

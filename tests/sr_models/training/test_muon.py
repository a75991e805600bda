"""Muon: orthogonalised momentum for hidden kernels, Adam for the rest."""

import pytest
import torch
from torch import nn

from sr_models.training.muon import Muon, is_hidden_kernel, orthogonalised


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(33, 64, 576), (2, 256, 576), (3, 96, 40)])
def test_an_orthogonalised_matrix_is_that_of_the_svd_up_to_the_polynomials_band(shape):
    x = torch.randn(shape)
    u, _, vh = torch.linalg.svd(x, full_matrices=False)
    inner = u.mT @ orthogonalised(x) @ vh.mT  # diagonal: singular values in x's own directions
    values = inner.diagonal(dim1=1, dim2=2)
    assert float((values - 1).abs().max()) < 0.35
    assert float((inner - torch.diag_embed(values)).abs().max()) < 1e-3


def test_one_step_on_a_rank_one_gradient_is_the_closed_form():
    """The only singular value, 1 after scaling, goes through the quintic five times."""
    w = nn.Parameter(torch.zeros(32, 32, 3, 3))
    a, b = torch.randn(32), torch.randn(288)
    w.grad = torch.outer(a, b).reshape(w.shape)
    Muon([w], lr=torch.tensor(0.01)).step()
    value = 1.0
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    wanted = -0.01 * 0.2 * 288**0.5 * value * torch.outer(a / a.norm(), b / b.norm())
    torch.testing.assert_close(w.detach().flatten(1), wanted, rtol=1e-3, atol=1e-6)


def test_its_first_step_on_a_bias_is_adams():
    b = nn.Parameter(torch.tensor([1.0, -2.0]))
    b.grad = torch.tensor([0.3, -0.001])
    Muon([b], lr=torch.tensor(0.01)).step()
    assert b.tolist() == pytest.approx([0.99, -1.99], abs=1e-6)


def test_many_steps_on_a_bias_are_adams():
    ours, theirs = (nn.Parameter(torch.ones(5)) for _ in range(2))
    muon = Muon([ours], lr=torch.tensor(0.01))
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))
    for _ in range(30):
        ours.grad = theirs.grad = torch.randn(5)
        muon.step()
        adam.step()
    torch.testing.assert_close(ours, theirs)


def test_a_step_that_is_not_finite_changes_nothing():
    parameters = [nn.Parameter(torch.randn(32, 32, 3, 3)), nn.Parameter(torch.randn(4))]
    muon = Muon(parameters, lr=torch.tensor(0.01))
    for p in parameters:
        p.grad = torch.randn_like(p)
    muon.step()
    before = [p.clone() for p in parameters]
    state = [{k: v.clone() for k, v in muon.state[p].items()} for p in parameters]
    for p in parameters:
        p.grad = torch.full_like(p, float("nan"))
    muon.found_inf = torch.tensor(1.0)
    muon.step()
    assert all(torch.equal(p, b) for p, b in zip(parameters, before, strict=True))
    for p, kept in zip(parameters, state, strict=True):
        assert all(torch.equal(muon.state[p][k], v) for k, v in kept.items())


@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        ((64, 64, 3, 3), True),
        ((256, 64, 3, 3), True),
        ((64, 3, 9, 9), False),
        ((3, 64, 9, 9), False),
        ((64,), False),
    ],
)
def test_it_takes_kernels_between_hidden_layers(shape, taken):
    assert is_hidden_kernel(torch.zeros(shape)) is taken

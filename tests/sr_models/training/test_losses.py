"""Every loss against its closed form, and its gradient against one made by hand."""

import math

import numpy as np
import pytest
import torch

from sr_models.training import losses


def test_mse_is_four_times_the_one_on_unit_range():
    sr, hr = torch.full((2, 3, 4, 5), 0.6), torch.full((2, 3, 4, 5), 0.5)
    assert float(losses.mse(sr, hr)) == pytest.approx(4 * 0.1**2)


def test_mse_gradient_is_the_difference_scaled():
    sr, hr = torch.rand(2, 3, 4, 5, requires_grad=True), torch.rand(2, 3, 4, 5)
    losses.mse(sr, hr).backward()
    assert torch.allclose(sr.grad, 8 * (sr.detach() - hr) / sr.numel())


def test_supervision_of_recursions_is_counted_by_hand():
    predictions = torch.tensor([0.1, 0.3, 0.4]).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)  # two, then their sum
    hr = torch.full((2, 1, 4, 5), 0.2)
    each, joined = 4 * (0.1**2 + 0.1**2) / 2, 4 * 0.2**2
    for alpha in (0.0, 0.25, 1.0):
        loss = losses.recursive_supervision(predictions, hr, torch.tensor(alpha))
        assert float(loss) == pytest.approx(alpha * each + (1 - alpha) * joined)


def test_feature_distance_is_the_mean_square():
    assert float(losses.feature_distance(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0]))) == 6.5


@pytest.mark.parametrize("p", [0.5, 0.9, 1e-3])
def test_adversarial_is_minus_log_d(p):
    logit = torch.tensor([math.log(p / (1 - p))] * 3)
    assert float(losses.adversarial(logit)) == pytest.approx(-math.log(p), rel=1e-5)


def test_adversarial_takes_the_mean_over_the_batch():
    logits = torch.tensor([0.0, math.log(0.8 / 0.2)])
    assert float(losses.adversarial(logits)) == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)


def test_adversarial_stays_finite_where_a_sigmoid_underflows():
    logits = torch.tensor([-200.0], requires_grad=True)
    loss = losses.adversarial(logits)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(200.0)
    assert float(logits.grad) == pytest.approx(-1.0)


def test_the_discriminators_loss_is_both_cross_entropies():
    hr, sr = torch.tensor([math.log(0.9 / 0.1)]), torch.tensor([math.log(0.2 / 0.8)])
    assert float(losses.discriminator(hr, sr)) == pytest.approx(-math.log(0.9) - math.log(1 - 0.2))


def test_total_variation_of_a_ramp_is_counted_by_hand():
    ramp = torch.arange(4.0).mul(0.1).expand(2, 1, 3, 4)  # 3 steps of 0.1 in each of 3 rows, none downwards
    assert float(losses.total_variation(ramp)) == pytest.approx(4 * 9 * 0.1**2)


def test_total_variation_of_a_flat_picture_is_zero():
    assert float(losses.total_variation(torch.full((1, 3, 5, 5), 0.3))) == 0.0


def test_phase_pattern_of_a_grid_is_its_variance_over_the_phases_and_of_equal_shifts_nothing():
    hr = torch.rand(2, 3, 16, 24)
    pattern = torch.zeros(4, 4)
    pattern[0, 0] = 0.1  # one phase of sixteen
    tiled = pattern.repeat(4, 6)
    wanted = 4 * 0.1**2 * (1 / 16 - 1 / 16**2)
    assert float(losses.phase_pattern(hr + tiled, hr, 4)) == pytest.approx(wanted, rel=1e-4)
    assert float(losses.phase_pattern(hr + 0.2, hr, 4)) == pytest.approx(0, abs=1e-10)


def test_artefacts_weigh_an_error_by_its_variance_near_by_and_in_the_picture():
    rng = np.random.default_rng(0)
    sr, hr = (rng.random((2, 3, 12, 10)).astype(np.float32) for _ in range(2))
    weight = np.empty((2, 12, 10))
    for picture, error in zip(weight, np.abs(sr - hr).sum(1), strict=True):
        around = np.pad(error, 3, mode="reflect")
        for y, x in np.ndindex(12, 10):
            picture[y, x] = around[y : y + 7, x : x + 7].var(ddof=1) * error.var(ddof=1) ** 0.2
    wanted = (weight[:, None] * np.abs(sr - hr)).mean()
    seen = torch.from_numpy(sr).requires_grad_()
    loss = losses.artefacts(seen, torch.from_numpy(hr), torch.from_numpy(hr))  # the average makes no error
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-4)
    loss.backward()
    np.testing.assert_allclose(
        seen.grad, weight[:, None] * np.sign(sr - hr) / sr.size, rtol=1e-3, atol=1e-9
    )  # no gradient goes through the weight


def test_what_is_nearer_to_the_original_than_the_average_is_no_artefact():
    hr = torch.rand(1, 3, 16, 16)
    error = 0.1 * torch.randn(1, 3, 16, 16)
    assert float(losses.artefacts(hr + error, hr + 1.1 * error, hr)) == 0
    assert float(losses.artefacts(hr + error, hr + 0.9 * error, hr)) > 0

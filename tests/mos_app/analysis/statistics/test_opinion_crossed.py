"""The crossed test and what it is made of, against ANOVA by hand, statsmodels and simulation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.analysis.paired import holm
from benchmarks.mos_error_rates import simulate_null_studies
from mos_app.analysis.statistics.components import two_way_components
from mos_app.analysis.statistics.crossed import crossed_mean
from mos_app.analysis.statistics.simulation import VQEG_HD3


def table(seed: int, raters: int = 9, pictures: int = 14) -> np.ndarray:
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, 0.4, (raters, 1)) + rng.normal(0, 0.7, (1, pictures))
    return 0.3 + effects + rng.normal(0, 0.6, (raters, pictures))


def mean_squares(y: np.ndarray) -> tuple[float, float, float]:
    r, p = y.shape
    rater, picture, mean = y.mean(1), y.mean(0), y.mean()
    residual = y - rater[:, None] - picture + mean
    return (
        p * ((rater - mean) ** 2).sum() / (r - 1),
        r * ((picture - mean) ** 2).sum() / (p - 1),
        (residual**2).sum() / ((r - 1) * (p - 1)),
    )


def test_complete_tables_give_the_anova_estimates():
    y = table(0)
    ms_rater, ms_picture, ms_residual = mean_squares(y)
    found = two_way_components(y)
    assert found.first == pytest.approx((ms_rater - ms_residual) / 14)
    assert found.second == pytest.approx((ms_picture - ms_residual) / 9)
    assert found.residual == pytest.approx(ms_residual)


def test_the_crossed_test_is_the_quasi_f_with_satterthwaites_df():
    y = table(1)
    a, b, e = mean_squares(y)
    f = y.size * y.mean() ** 2 / (a + b - e)
    df = (a + b - e) ** 2 / (a**2 / 8 + b**2 / 13 + e**2 / (8 * 13))
    found = crossed_mean(y)
    assert found.df == pytest.approx(df)
    assert found.p == pytest.approx(stats.f.sf(f, 1, df))
    low, high = found.interval()
    half = stats.t.ppf(0.975, df) * np.sqrt((a + b - e) / y.size)
    assert (low, high) == pytest.approx((y.mean() - half, y.mean() + half))


def test_statsmodels_mixed_model_agrees_on_components_and_standard_error():
    y = table(2)
    long = pd.DataFrame([(r, p, y[r, p]) for r in range(9) for p in range(14)], columns=["r", "p", "y"])
    model = sm.MixedLM.from_formula(
        "y ~ 1",
        long.assign(all=1),
        groups="all",
        vc_formula={"r": "0 + C(r)", "p": "0 + C(p)"},
    ).fit(reml=True)
    found = crossed_mean(y)
    assert found.mean == pytest.approx(model.params["Intercept"], abs=1e-6)
    assert found.standard_error == pytest.approx(model.bse["Intercept"], rel=1e-3)
    by_name = dict(zip(model.model.exog_vc.names, model.vcomp, strict=True))
    assert found.rater_variance == pytest.approx(by_name["r"], rel=5e-3)
    assert found.picture_variance == pytest.approx(by_name["p"], rel=5e-3)
    assert found.residual_variance == pytest.approx(model.scale, rel=5e-3)


def test_components_are_unbiased_when_a_third_of_the_votes_is_missing():
    rng = np.random.default_rng(3)
    y = (
        rng.normal(0, 0.5, (3000, 8, 1))
        + rng.normal(0, 0.8, (3000, 1, 12))
        + rng.normal(0, 0.6, (3000, 8, 12))
    )
    y[rng.random(y.shape) < 1 / 3] = np.nan
    found = two_way_components(y)
    means = [found.first.mean(), found.second.mean(), found.residual.mean()]
    assert means == pytest.approx([0.25, 0.64, 0.36], abs=0.02)  # 3000 tables: standard errors under .007


def test_the_crossed_test_holds_its_level_when_votes_are_missing():
    rng = np.random.default_rng(4)
    y = (
        rng.normal(0, 0.3, (2000, 15, 1))
        + rng.normal(0, 0.5, (2000, 1, 30))
        + rng.normal(0, 0.8, (2000, 15, 30))
    )
    y[rng.random(y.shape) < 0.3] = np.nan
    assert 0.03 <= (crossed_mean(y).p < 0.05).mean() <= 0.065


def test_many_tables_at_once_are_each_alone():
    y = np.stack([table(seed) for seed in range(5)])
    assert crossed_mean(y).p == pytest.approx([float(crossed_mean(t).p) for t in y])


def test_one_rater_or_one_picture_has_a_mean_and_no_test():
    for lone in (table(5)[:1], table(5)[:, :1]):
        found = crossed_mean(lone)
        assert found.mean == pytest.approx(lone.mean())
        assert np.isnan(found.p)
        assert np.isnan(found.interval()[0])


def test_differences_that_are_all_equal_have_no_test():
    found = crossed_mean(np.full((4, 5), 2.0))
    assert found.mean == 2.0
    assert found.standard_error == 0.0
    assert np.isnan(found.p)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_holm_is_statsmodels_holm(p):
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_leaves_untested_pairs_out_of_the_count():
    assert holm(np.array([0.02, np.nan, 0.03])) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)


def test_type_one_error_of_three_tests_over_2000_null_studies():
    found = simulate_null_studies(2000, VQEG_HD3, raters=26, pictures=100, seed=0)
    assert 0.03 <= (found.crossed < 0.05).mean() <= 0.065
    assert (found.wilcoxon_ratings < 0.05).mean() > 0.55
    assert 0.1 < (found.wilcoxon_pictures < 0.05).mean() < 0.25

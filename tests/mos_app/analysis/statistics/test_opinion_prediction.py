"""Metrics against people, preferences and plans, against scipy, choix and brute force."""

import math

import choix
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import curve_fit

from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.input.joining import join_scores
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.statistics.bootstrap import draw_counts
from mos_app.analysis.statistics.correlation import (
    Clusters,
    cluster_kendall,
    cluster_spearman,
    weighted_pearson,
)
from mos_app.analysis.statistics.crossed import crossed_mean
from mos_app.analysis.statistics.logistic import fit_logistic, logistic, refitted_draws
from mos_app.analysis.statistics.pairs import bradley_terry, check_pairs, wins_by_cell
from mos_app.analysis.statistics.planning import (
    crossed_power,
    plan_study,
    smallest_difference,
    study_variances,
)
from mos_app.analysis.statistics.prediction import (
    metric_differences,
    predict,
    predict_methods,
    prediction_table,
)
from mos_app.analysis.statistics.simulation import VQEG_HD3, StudyVariances
from sr_models.data.errors import InputError


def sample(seed: int = 0, pictures: int = 20, versions: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.round(rng.uniform(20, 40, pictures * versions), 1)  # rounded: ties
    y = 1.2 + 3.5 / (1 + np.exp(-(x - 29) / 2.5)) + rng.normal(0, 0.3, len(x))
    return x, np.round(y, 1), np.repeat(np.arange(pictures), versions)


def drawn_rows(picture: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.tile(np.flatnonzero(picture == p), int(c)) for p, c in enumerate(counts)])


def test_correlations_of_draws_are_scipys_on_the_drawn_points():
    x, y, picture = sample()
    clusters = Clusters(picture, draw_counts(20, 12, np.random.default_rng(1)))
    rho, tau = cluster_spearman(x, y, clusters), cluster_kendall(x, y, clusters)
    r = weighted_pearson(x, y, clusters.counts[:, picture])
    for i, counts in enumerate(clusters.counts):
        rows = drawn_rows(picture, counts)
        assert rho[i] == pytest.approx(stats.spearmanr(x[rows], y[rows]).statistic, abs=1e-12)
        assert tau[i] == pytest.approx(stats.kendalltau(x[rows], y[rows]).statistic, abs=1e-12)
        assert r[i] == pytest.approx(stats.pearsonr(x[rows], y[rows]).statistic, abs=1e-12)


def curve(x, top, bottom, middle, width):
    return bottom + (top - bottom) / (1 + np.exp(-(x - middle) / width))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_logistic_is_the_least_squares_fit_of_scipy(sign):
    x, y, _ = sample(2)
    found = fit_logistic(sign * x, y)
    start = [4.7, 1.2, 29, 2.5] if sign == 1 else [1.2, 4.7, -29, 2.5]
    best, _ = curve_fit(curve, sign * x, y, p0=start)
    assert ((logistic(sign * x, found) - y) ** 2).sum() == pytest.approx(
        ((curve(sign * x, *best) - y) ** 2).sum(), rel=1e-6
    )


def test_refitted_draws_are_close_to_fitting_each_draw_anew():
    x, y, picture = sample(3)
    clusters = Clusters(picture, draw_counts(20, 15, np.random.default_rng(4)))
    plcc, rmse = refitted_draws(x, y, clusters, fit_logistic(x, y))
    for i, counts in enumerate(clusters.counts):
        rows = drawn_rows(picture, counts)
        fitted = logistic(x[rows], fit_logistic(x[rows], y[rows]))
        assert plcc[i] == pytest.approx(np.corrcoef(fitted, y[rows])[0, 1], abs=5e-4)
        assert rmse[i] == pytest.approx(np.sqrt(((fitted - y[rows]) ** 2).mean()), abs=2e-3)


def points(metric: str, seed: int, noise: float) -> pd.DataFrame:
    x, y, picture = sample(5)
    value = x + np.random.default_rng(seed).normal(0, noise, len(x))
    return pd.DataFrame(
        {
            "dataset": "set",
            "dataset_of": "set",
            "metric": metric,
            "picture": picture.astype(str),
            "method": [f"m{i % 5}" for i in range(len(x))],
            "value": value,
            "mos": y,
        }
    )


def test_the_better_metric_wins_by_paired_draws():
    good, bad = (
        predict(points(n, s, e), draws=800, seed=0) for n, s, e in (("good", 1, 0.1), ("bad", 2, 9.0))
    )
    found = metric_differences([bad, good]).iloc[0]
    assert (found["better"], found["worse"]) == ("good", "bad")
    assert found["p"] < 0.01
    assert found["boot_low"] > 0


def test_a_metric_compared_with_its_own_copy_does_not_differ():
    one, copy = (predict(points(name, 1, 2.0), draws=400, seed=0) for name in ("one", "copy"))
    found = metric_differences([one, copy]).iloc[0]
    assert (found["difference"], found["p"]) == (0.0, 1.0)


def test_prediction_tables_carry_intervals_for_pictures_and_none_for_methods():
    made = points("m", 1, 2.0)
    table = prediction_table([predict(made, draws=300, seed=0), predict_methods(made)]).set_index("level")
    row = table.loc["picture"]
    for name in ("srocc", "krocc", "plcc", "rmse"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    assert table.loc["method", ["srocc_low", "plcc_high"]].isna().all()


def test_a_metric_that_does_not_vary_is_a_sentence():
    with pytest.raises(CannotSayError, match="flat on set"):
        predict(points("flat", 1, 0.0).assign(value=1.0), draws=100, seed=0)


SCORES = pd.DataFrame(
    [
        ("a", "d", 4, "matlab", "p1", "rgb", "psnr", 30.0),
        ("b", "d", 4, "matlab", "p1", "rgb", "psnr", 28.0),
        ("hr", "d", 4, "matlab", "p1", "rgb", "psnr", math.inf),
        ("a", "other", 4, "matlab", "p1", "rgb", "psnr", 1.0),
    ],
    columns=["model", "dataset", "scale", "lr", "image", "protocol", "metric", "value"],
)
MOS = pd.DataFrame(
    [("d", "p1", "a", 3.0), ("d", "p1", "b", 2.0), ("d", "p1", "hr", 5.0), ("d", "p2", "a", 3.0)],
    columns=["dataset", "picture", "method", "mos"],
)


def test_scores_join_on_dataset_image_and_model_without_infinite_values():
    found, notes = join_scores(MOS, SCORES)
    assert found[["method", "value", "mos"]].to_numpy().tolist() == [["a", 30.0, 3.0], ["b", 28.0, 2.0]]
    assert notes == (
        "1 infinite values left out (hr): a picture equal to its original has no error.",
        "1 of 4 rated stimuli are not in scores.csv.",
    )


def test_ratings_without_a_dataset_join_only_where_scores_are_unambiguous():
    nameless = MOS.assign(dataset="")
    with pytest.raises(InputError, match="several values of psnr for a of p1"):
        join_scores(nameless, SCORES)
    found, _ = join_scores(nameless, SCORES[SCORES["dataset"] == "d"])
    assert len(found) == 2


def test_metrics_of_two_protocols_stay_apart():
    both = pd.concat([SCORES, SCORES.assign(protocol="matlab", value=SCORES["value"] + 1)])
    assert set(join_scores(MOS, both)[0]["metric"]) == {"psnr rgb", "psnr matlab"}


def test_nothing_in_common_is_an_error():
    with pytest.raises(InputError, match=r"no rated stimulus is in scores\.csv"):
        join_scores(MOS.assign(picture="zz"), SCORES)


def choices(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rater", "left", "right", "choice"]).assign(picture="p")


def test_two_methods_have_the_log_odds_of_their_wins():
    table = choices([("r1", "a", "b", "left")] * 30 + [("r2", "b", "a", "left")] * 10)
    found = bradley_terry(table, draws=100, seed=0)
    assert found.methods == ("a", "b")
    assert found.strength[0] - found.strength[1] == pytest.approx(math.log(30.1 / 10.1), abs=1e-6)


def test_strengths_are_choixs_and_intervals_hold_the_truth():
    rng, truth = np.random.default_rng(0), np.array([1.0, 0.3, -0.4, -0.9])
    rows = []
    for rater in range(15):
        for _ in range(40):
            i, j = rng.choice(4, 2, replace=False)
            wins = rng.random() < 1 / (1 + math.exp(truth[j] - truth[i]))
            rows.append((f"r{rater}", f"m{i}", f"m{j}", "left" if wins else f"m{j}"))
    found = bradley_terry(choices(rows), draws=200, seed=1)
    pairs = [(int(a[1]), int(b[1])) if c == "left" else (int(b[1]), int(a[1])) for _, a, b, c in rows]
    expected = choix.opt_pairwise(4, pairs)
    assert found.methods == ("m0", "m1", "m2", "m3")
    assert found.strength == pytest.approx(expected - expected.mean(), abs=0.01)  # ours has a weak prior
    assert ((found.low < truth) & (truth < found.high)).sum() >= 3


def test_drawn_wins_are_those_of_every_draw_by_itself():
    """Against the definition: each draw adds up the cells of the raters and pictures that it drew."""
    rng = np.random.default_rng(3)
    rows = [(f"r{rng.integers(4)}", *rng.permutation(list("abc"))[:2], "left") for _ in range(60)]
    table = choices(rows).assign(picture=[f"p{i}" for i in rng.integers(0, 3, 60)])
    raters, pictures = draw_counts(4, 7, rng), draw_counts(3, 7, rng)
    expected = np.zeros((7, 3, 3))
    for draw in range(7):
        for row in table.itertuples():
            weight = raters[draw, int(row.rater[1])] * pictures[draw, int(row.picture[1])]
            expected[draw, "abc".index(row.left), "abc".index(row.right)] += weight
    found = wins_by_cell(table, ("a", "b", "c")).drawn(raters, pictures)
    assert found.tolist() == expected.tolist()


def test_pairs_shown_again_or_sent_again_count_once():
    table = choices([("r", "a", "b", "left")] * 3).assign(presentation=["1", "1", "2"], repeat=[0, 0, 1])
    assert len(check_pairs(table)) == 1


def test_a_tie_is_half_a_win_for_each():
    assert bradley_terry(choices([("r", "a", "b", "tie")]), draws=50, seed=0).wins.tolist() == [
        [0, 0.5],
        [0.5, 0],
    ]


def test_an_unbeaten_method_stays_finite():
    found = bradley_terry(choices([(f"r{i}", "a", "b", "left") for i in range(5)]), draws=50, seed=0)
    assert np.isfinite([found.strength, found.low, found.high]).all()


def test_power_is_that_of_whole_simulated_studies():
    variances, difference = StudyVariances(0.155, 0.051, 0.313), 0.3
    rng = np.random.default_rng(0)
    size, raters, pictures = 1500, 12, 40
    y = difference + rng.normal(0, (2 * 0.051) ** 0.5, (size, raters, 1))
    y = (
        y
        + rng.normal(0, (2 * 0.155) ** 0.5, (size, 1, pictures))
        + rng.normal(0, 0.626**0.5, (size, raters, pictures))
    )
    whole = (crossed_mean(y).p < 0.05).mean()
    assert crossed_power(
        difference, variances, raters, pictures, alpha=0.05, draws=20_000, seed=1
    ) == pytest.approx(whole, abs=0.04)  # 1500 studies: three standard errors


def test_power_at_no_difference_is_the_level():
    assert crossed_power(0.0, VQEG_HD3, 20, 50, alpha=0.05, draws=40_000, seed=0) == pytest.approx(
        0.05, abs=0.012
    )


def test_the_smallest_difference_is_found_with_power_80():
    difference = smallest_difference(VQEG_HD3, 26, 100)
    assert crossed_power(difference, VQEG_HD3, 26, 100, alpha=0.05, draws=40_000, seed=0) == pytest.approx(
        0.8, abs=0.01
    )


def test_more_raters_and_pictures_never_lose_power_and_the_plan_takes_the_fewest():
    plan = plan_study(0.3, 0.8, VQEG_HD3, raters=(5, 10, 20, 40), pictures=(20, 60), draws=8000)
    by_size = plan.power.pivot_table(index="raters", columns="pictures", values="power")
    assert (by_size.diff().dropna() > -0.01).all().all()
    enough = plan.enough.set_index("pictures")["raters"]
    assert by_size.loc[enough[60], 60] >= 0.8
    assert np.isnan(enough[20]) or enough[20] >= enough[60]


def test_correcting_for_many_comparisons_costs_power():
    single = crossed_power(0.3, VQEG_HD3, 20, 60, alpha=0.05, draws=8000, seed=0)
    assert crossed_power(0.3, VQEG_HD3, 20, 60, alpha=0.05 / 66, draws=8000, seed=0) < single - 0.2


def test_variances_of_a_study_are_the_three_way_anovas():
    rng = np.random.default_rng(0)
    m, r, p = 6, 30, 40
    y = (
        rng.normal(0, 0.4, (m, 1, p))
        + rng.normal(0, 0.25, (m, r, 1))
        + rng.normal(0, 0.6, (m, r, p))
        + rng.normal(0, 1, (1, r, p))
    )
    grand = y.mean()
    mp = y.mean(1) - y.mean((1, 2))[:, None] - y.mean((0, 1)) + grand
    mr = y.mean(2) - y.mean((1, 2))[:, None] - y.mean((0, 2)) + grand
    rest = y - y.mean(1)[:, None] - y.mean(2)[:, :, None] - y.mean(0) + y.mean((1, 2))[:, None, None]
    rest = rest + y.mean((0, 2))[:, None] + y.mean((0, 1)) - grand
    ms_mp, ms_mr = r * (mp**2).sum() / ((m - 1) * (p - 1)), p * (mr**2).sum() / ((m - 1) * (r - 1))
    ms_rest = (rest**2).sum() / ((m - 1) * (r - 1) * (p - 1))
    names = [tuple(map(str, range(n))) for n in (m, r, p)]
    found = study_variances(Crossing("set", y, *names))
    assert (found.method_picture, found.method_rater, found.residual) == pytest.approx(
        ((ms_mp - ms_rest) / r, (ms_mr - ms_rest) / p, ms_rest)
    )

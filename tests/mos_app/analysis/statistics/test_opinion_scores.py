"""MOS, DMOS, ranks and their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mos_app
from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.input.panel import Crossing, crossings_of, panel_of
from mos_app.analysis.input.ratings import ACR, Scale, check_ratings
from mos_app.analysis.statistics.opinion import (
    method_dmos,
    method_mos,
    sos_parameter,
    stimulus_dmos,
    stimulus_mos,
)
from mos_app.analysis.statistics.ranks import average_ranks
from mos_app.analysis.statistics.screening import bt500_rejection

RATERS, PICTURES = ("r1", "r2", "r3"), ("p1", "p2")


def crossing(scores: list, methods: tuple[str, ...]) -> Crossing:
    cube = np.array(scores, dtype=float)
    raters = tuple(f"r{i}" for i in range(cube.shape[1]))
    return Crossing("set", cube, methods, raters, tuple(f"p{i}" for i in range(cube.shape[2])))


def ratings(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rater", "picture", "method", "score"])


def test_stimulus_mos_has_the_t_interval_of_a_textbook():
    votes = [3, 4, 4, 5]
    table = ratings([(f"r{i}", "p", "m", v) for i, v in enumerate(votes)])
    found = stimulus_mos(panel_of(check_ratings(table))).iloc[0]
    low, high = stats.t.interval(0.95, 3, loc=4, scale=stats.sem(votes))
    assert high > 5
    assert (found["mos"], found["t_low"], found["t_high"]) == pytest.approx((4.0, low, 5.0))


def test_a_single_vote_has_no_interval():
    found = stimulus_mos(panel_of(check_ratings(ratings([("r", "p", "m", 3)])))).iloc[0]
    assert found["mos"] == 3
    assert found[["sd", "t_low", "t_high"]].isna().all()


def test_method_mos_is_the_mean_of_its_votes():
    made = crossing([[[1, 2], [3, 4]], [[5, 5], [4, np.nan]]], ("a", "b"))
    found = method_mos(made).set_index("method")
    assert found.loc["a", "mos"] == 2.5
    assert found.loc["b", "mos"] == pytest.approx(14 / 3)
    assert found.loc["b", "votes"] == 3


def test_intervals_stay_on_the_scale():
    made = crossing([[[1, 1], [1, 2]], [[5, 5], [5, 4]]], ("a", "b"))
    found = method_mos(made).set_index("method")
    assert (found.loc["a", "t_low"], found.loc["b", "t_high"]) == (1.0, 5.0)
    votes = ratings([("r0", "p", "m", 5), ("r1", "p", "m", 4)])
    one = stimulus_mos(panel_of(check_ratings(votes))).iloc[0]
    assert (one["t_low"], one["t_high"]) == (1.0, 5.0)


def test_intervals_cover_the_truth_in_about_95_of_100_studies_from_5_pictures_on():
    rng, hits, studies = np.random.default_rng(2), 0, 600
    for _ in range(studies):
        y = rng.normal(0, 0.4, (20, 1)) + rng.normal(0, 0.6, (1, 5)) + rng.normal(0, 0.8, (20, 5))
        found = method_mos(crossing([y], ("m",)), Scale(-9, 9)).iloc[0]
        hits += int(found["t_low"] <= 0 <= found["t_high"])
    assert 0.93 <= hits / studies <= 0.97  # standard error .009; benchmarks/mos_interval_coverage.py has more


def test_dmos_is_against_the_same_raters_original():
    made = crossing([[[2, 3], [3, 3]], [[5, 4], [4, 5]]], ("m", "hr"))
    found = method_dmos(made, "hr", ACR)
    assert found["method"].tolist() == ["m"]
    assert found["dmos"].iloc[0] == pytest.approx(5 + np.mean([-3, -1, -1, -2]))


def test_dmos_of_a_stimulus_has_the_paired_t_interval():
    rows = [
        (f"r{i}", "p", m, v)
        for m, votes in {"m": [2, 3, 2], "hr": [5, 4, 5]}.items()
        for i, v in enumerate(votes)
    ]
    found = stimulus_dmos(panel_of(check_ratings(ratings(rows))), "hr", ACR).iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=np.mean([2, 4, 2]), scale=stats.sem([2, 4, 2]))
    assert (found["dmos"], found["t_low"], found["t_high"]) == pytest.approx((8 / 3, low, high))


def test_no_reference_means_no_dmos_and_says_so():
    with pytest.raises(CannotSayError, match=r"no hidden reference \(hr\)"):
        method_dmos(crossing([[[1]], [[2]]], ("a", "b")), "hr", ACR)


def test_ranks_share_ties_and_leave_the_original_out():
    made = crossing([[[4, 2]], [[4, 1]], [[1, 3]], [[5, 5]]], ("a", "b", "c", "hr"))
    found = average_ranks(made, unranked="hr").set_index("method")
    assert found["rank"].to_dict() == {"a": 1.75, "b": 2.25, "c": 2.0}


def test_sos_parameter_is_recovered_from_its_own_hypothesis():
    scores = np.array([[1, 5], [3, 3], [2, 4]], dtype=float)  # m = 3: a (-9 + 18 - 5) = 4 a
    expected = 4 * (8 + 0 + 2) / (3 * 16)
    assert sos_parameter(scores, ACR) == pytest.approx(expected)


def test_all_sets_compares_only_methods_that_every_set_has():
    rows = [("r", "d1", p, m, 3) for p in "ab" for m in ("x", "y", "z")] + [
        ("r", "d2", p, m, 4) for p in "abc" for m in ("x", "y")
    ]
    table = pd.DataFrame(rows, columns=["rater", "dataset", "picture", "method", "score"])
    every = crossings_of(panel_of(check_ratings(table)), ("x", "y", "z"))
    assert [(c.name, c.methods, len(c.pictures)) for c in every] == [
        ("d1", ("x", "y", "z"), 2),
        ("d2", ("x", "y"), 3),
        ("all sets", ("x", "y"), 5),
    ]


def test_bt500_divides_by_a_raters_own_votes():
    scores = np.tile([3.0, 3, 3, 3, 2, 4, 3, 2, 4, 3], (40, 1))
    scores[20:, 0] = np.nan  # rated half of the stimuli, and two of those far from everybody
    scores[0, 0], scores[1, 0] = 1.0, 5.0
    found = bt500_rejection(scores)
    assert found.outlying[0] == 2 / 20
    assert found.rejected.tolist() == [True] + [False] * 9


def test_a_study_of_few_pictures_says_so_before_it_names_a_best_method():
    rng = np.random.default_rng(0)
    rows = [
        (f"r{r}", f"p{p}", m, int(rng.integers(2, 5))) for r in range(6) for p in range(3) for m in ("a", "b")
    ]
    first = mos_app.analyse(ratings(rows), draws=100).statements[0]
    assert first.startswith("No difference from the best method can be shown on all pictures with 3 pictures")
    assert first.index("No difference") < first.index("highest")

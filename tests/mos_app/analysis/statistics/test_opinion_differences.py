"""Pairs of methods: effect sizes, the paper's test, ranks with critical differences, letters, variants."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.flags import rater_table
from mos_app.analysis.input.panel import Crossing, panel_of
from mos_app.analysis.input.ratings import check_ratings
from mos_app.analysis.statistics.differences import compare_methods, friedman_nemenyi
from mos_app.analysis.statistics.letters import compact_letters
from mos_app.analysis.statistics.simulation import StudyVariances, simulate_scores
from mos_app.analysis.statistics.variants import headline_decisions, headline_mos, screening_variants

METHODS = ("a", "b", "c", "d")


def crossing(seed: int = 0, pictures: int = 12) -> Crossing:
    variances = StudyVariances(0.15, 0.05, 0.3, 0.1, 0.06)
    rng = np.random.default_rng(seed)
    cube = simulate_scores(np.array([2.0, 2.2, 3.0, 3.9]), variances, raters=10, pictures=pictures, rng=rng)
    return Crossing(
        "set", cube, METHODS, tuple(f"r{i}" for i in range(10)), tuple(f"p{i}" for i in range(pictures))
    )


def test_every_pair_is_compared_with_the_higher_mean_first():
    made = crossing()
    found = compare_methods(made)
    assert {frozenset(pair) for pair in zip(found["a"], found["b"], strict=True)} == {
        frozenset(pair) for pair in combinations(METHODS, 2)
    }
    assert (found["difference"] >= 0).all()
    assert ((found["t_low"] < found["difference"]) & (found["difference"] < found["t_high"])).all()
    assert (
        (found["superiority_low"] <= found["superiority"])
        & (found["superiority"] <= found["superiority_high"])
    ).all()


def test_the_papers_wilcoxon_is_scipys_over_all_ratings_without_zeros():
    made = crossing()
    found = compare_methods(made).set_index(["a", "b"])
    d, c = made.scores[3].ravel(), made.scores[2].ravel()
    expected = stats.wilcoxon(d, c, zero_method="wilcox", correction=False, method="approx").pvalue
    assert found.loc[("d", "c"), "p_wilcoxon_ratings"] == pytest.approx(expected)


def test_superiority_counts_ties_half():
    cube = np.array([[[3, 3], [4, 2]], [[3, 2], [3, 3]]], dtype=float)
    made = Crossing("set", cube, ("a", "b"), ("r1", "r2"), ("p1", "p2"))
    found = compare_methods(made).iloc[0]
    assert found["superiority"] == (0.5 + 1 + 1 + 0) / 4


def test_cohens_d_is_the_difference_over_the_spread_of_a_rating():
    rng = np.random.default_rng(0)
    cube = rng.normal(0, 0.8, (2, 200, 200)) + np.array([0.4, 0.0])[:, None, None]
    names = tuple(map(str, range(200)))
    found = compare_methods(Crossing("set", cube, ("a", "b"), names, names))
    assert found["d"].iloc[0] == pytest.approx(0.5, abs=0.02)  # standard error .007


def test_pairs_without_a_common_cell_are_left_out():
    cube = np.full((2, 2, 2), np.nan)
    cube[0, 0], cube[1, 1] = 3.0, 4.0
    with pytest.raises(CannotSayError):
        compare_methods(Crossing("set", cube, ("a", "b"), ("r1", "r2"), ("p1", "p2")))


def test_friedman_and_nemenyi_are_scipys_and_scikit_posthocs():
    made = crossing(1)
    means = made.scores.mean(1)
    found = friedman_nemenyi(made, unranked="hr")
    assert (found.chi_square, found.p) == pytest.approx(tuple(stats.friedmanchisquare(*means)))
    expected = scikit_posthocs.posthoc_nemenyi_friedman(means.T).to_numpy()
    off = ~np.eye(4, dtype=bool)
    assert found.nemenyi[off] == pytest.approx(expected[off], abs=1e-6)


def test_the_critical_difference_is_demsars():
    # Demsar (2006), table 5a: q.05 is 2.569 for four methods
    assert friedman_nemenyi(crossing(2), unranked="hr").critical_difference == pytest.approx(
        2.569 * np.sqrt(4 * 5 / (6 * 12)), abs=1e-3
    )


@pytest.mark.parametrize("cube", [np.full((3, 2, 5), 4.0), np.ones((3, 4, 1)), np.ones((2, 4, 6))])
def test_friedman_refuses_what_has_no_order(cube):
    names = [tuple(f"{kind}{i}" for i in range(n)) for kind, n in zip("mrp", cube.shape, strict=True)]
    with pytest.raises(CannotSayError):
        friedman_nemenyi(Crossing("set", cube, *names), unranked="hr")


@st.composite
def significance(draw_from):
    items = list("ABCDEFG")[: draw_from(st.integers(1, 7))]
    pairs = list(combinations(items, 2))
    return items, [pair for pair in pairs if draw_from(st.booleans())]


@given(significance())
@settings(max_examples=200, deadline=None)
def test_two_methods_share_a_letter_exactly_if_they_do_not_differ(case):
    items, differing = case
    letters = compact_letters(items, differing)
    assert all(letters[item] for item in items)
    for a, b in combinations(items, 2):
        assert bool(set(letters[a]) & set(letters[b])) == ((a, b) not in differing)


def test_letters_run_from_the_first_item():
    assert compact_letters(["A", "B", "C"], [("A", "C")]) == {"A": "a", "B": "ab", "C": "b"}


def test_the_headline_is_repeated_under_every_rule_and_says_what_changes():
    made = crossing(3)
    rows = [
        (made.raters[r], made.pictures[p], METHODS[m], score)
        for (m, r, p), score in np.ndenumerate(made.scores)
    ]
    rng = np.random.default_rng(0)
    careless = [("r99", p, m, rng.integers(1, 6)) for p in made.pictures for m in METHODS]
    ratings = check_ratings(pd.DataFrame(rows + careless, columns=["rater", "picture", "method", "score"]))
    panel = panel_of(ratings)
    variants = screening_variants(panel, rater_table(ratings, panel))
    by_name = {v.name: v for v in variants}
    assert by_name["without flagged raters"].left_out == ("r99",)
    mos = headline_mos(variants, METHODS)
    assert mos["all raters"].isna().sum() == 0
    without = made.scores.mean((1, 2))
    assert mos["without flagged raters"].to_numpy() == pytest.approx(without)
    decisions = headline_decisions(variants, METHODS).set_index("screening")
    assert decisions.loc["all raters", "changed"] == "none"
    assert decisions.loc["without flagged raters", "left_out"] == "r99"

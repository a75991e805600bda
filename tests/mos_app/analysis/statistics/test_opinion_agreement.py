"""Agreement, screening and reliability where votes are missing or do not vary."""

from types import SimpleNamespace

import krippendorff
import numpy as np
import pandas as pd
import pingouin
import pytest
from sklearn.metrics import cohen_kappa_score
from sureal.dataset_reader import RawDatasetReader
from sureal.subjective_model import SubjectMLEModelProjectionSolver2

from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.flags import exclusions, rater_table
from mos_app.analysis.input.panel import panel_of
from mos_app.analysis.input.ratings import check_ratings
from mos_app.analysis.statistics.agreement import intraclass_correlation, kendalls_w, split_half
from mos_app.analysis.statistics.alpha import alpha_interval, krippendorff_alpha
from mos_app.analysis.statistics.likelihood import recover_quality
from mos_app.analysis.statistics.retest import (
    retest_by_rater,
    retest_pairs,
    retest_reliability,
    weighted_kappa,
)
from mos_app.analysis.statistics.screening import bt500_rejection


def votes(seed: int, stimuli: int = 30, raters: int = 8, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latent = (
        rng.uniform(1, 5, (stimuli, 1)) + rng.normal(0, 0.3, raters) + rng.normal(0, 0.6, (stimuli, raters))
    )
    scores = np.clip(np.rint(latent), 1, 5)
    scores[rng.random(scores.shape) < missing] = np.nan
    return scores


@pytest.mark.parametrize("level", ["ordinal", "interval", "nominal"])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.8])
def test_alpha_is_krippendorffs_with_missing_votes(level, missing):
    scores = votes(1, missing=missing)
    expected = krippendorff.alpha(reliability_data=scores.T, level_of_measurement=level)
    assert krippendorff_alpha(scores, level) == pytest.approx(expected, abs=1e-12)


def test_alpha_interval_holds_alpha_and_narrows_with_more_stimuli():
    wide = alpha_interval(votes(2, stimuli=15), "ordinal", draws=500, seed=0)
    narrow = alpha_interval(votes(2, stimuli=400), "ordinal", draws=500, seed=0)
    assert wide[0] < krippendorff_alpha(votes(2, stimuli=15), "ordinal") < wide[1]
    assert narrow[1] - narrow[0] < 0.5 * (wide[1] - wide[0])


@pytest.mark.filterwarnings("ignore")  # pingouin's own, about pandas and numpy
def test_icc_is_pingouins():
    scores = votes(3)
    long = pd.DataFrame([(s, r, v) for (s, r), v in np.ndenumerate(scores)], columns=["s", "r", "v"])
    table = pingouin.intraclass_corr(long, targets="s", raters="r", ratings="v")
    found = intraclass_correlation(scores)
    expected = table["ICC"].tolist()  # single: one-way, absolute, consistency; then the same for the mean
    assert [found.single, found.average] == pytest.approx([expected[1], expected[4]], abs=1e-9)


def test_kendalls_w_is_one_for_equal_orders_and_uses_the_block_without_gaps():
    scores = np.array([[1, 2, 1], [2, 3, 2], [3, 4, np.nan], [4, 5, 3]], dtype=float)
    assert kendalls_w(scores) == (pytest.approx(1.0), 3, 3)


def test_split_half_of_perfect_raters_is_one():
    scores = np.repeat(np.arange(1.0, 6.0)[:, None], 6, axis=1)
    assert split_half(scores, splits=10, seed=0) == pytest.approx(1.0)


def test_maximum_likelihood_with_missing_votes_is_sureals(capsys):
    scores = votes(4, missing=0.25)

    references = [{"content_id": i, "content_name": str(i), "path": ""} for i in range(len(scores))]
    videos = [{"content_id": i, "asset_id": i, "os": r.tolist(), "path": ""} for i, r in enumerate(scores)]
    facts = {"dataset_name": "gaps", "yuv_fmt": "yuv420p", "width": 0, "height": 0}
    dataset = SimpleNamespace(ref_videos=references, dis_videos=videos, **facts)
    expected = SubjectMLEModelProjectionSolver2(RawDatasetReader(dataset)).run_modeling()
    found = recover_quality(scores)
    assert found.quality == pytest.approx(expected["quality_scores"], abs=1e-6)
    assert found.bias == pytest.approx(expected["observer_bias"], abs=1e-6)
    assert found.inconsistency == pytest.approx(expected["observer_inconsistency"], abs=1e-6)


def test_stimuli_on_which_all_agree_reject_nobody():
    assert not bt500_rejection(np.full((20, 6), 3.0)).rejected.any()


def test_a_careless_rater_is_named_with_rule_and_reason():
    scores = votes(5, stimuli=60, raters=20)
    scores[:, 4] = np.random.default_rng(0).integers(1, 6, 60)
    rows = [(f"r{r}", f"p{s}", "m", v, 0.2 if r == 7 else 2.0) for (s, r), v in np.ndenumerate(scores)]
    ratings = check_ratings(pd.DataFrame(rows, columns=["rater", "picture", "method", "score", "seconds"]))
    named = exclusions(rater_table(ratings, panel_of(ratings)))
    assert set(named.loc[named["rule"] == "BT.500", "rater"]) == {"r4"}
    behaviour = named[named["rule"] == "behaviour"].set_index("rater")["because"]
    assert "correlation" in behaviour["r4"]
    assert behaviour["r7"] == "100% of answers under 0.7 s"


def test_a_straight_liner_is_flagged():
    scores = votes(6, stimuli=40, raters=5)
    scores[:, 2] = 3
    rows = [(f"r{r}", f"p{s}", "m", v, s) for (s, r), v in np.ndenumerate(scores)]
    ratings = check_ratings(pd.DataFrame(rows, columns=["rater", "picture", "method", "score", "shown_at"]))
    flags = rater_table(ratings, panel_of(ratings)).set_index("rater")["flags"]
    assert flags["r2"] == "one score in 100% of votes; 40 times the same score in a row"
    assert (flags.drop("r2") == "").all()


def test_weighted_kappa_is_scikit_learns():
    rng = np.random.default_rng(7)
    first = rng.integers(1, 6, 80)
    second = np.clip(first + rng.integers(-1, 2, 80), 1, 5)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert weighted_kappa(first.astype(float), second.astype(float)) == pytest.approx(expected)


def test_retest_pairs_first_with_second_and_measures_shift_and_agreement():
    firsts, seconds = [3, 4, 2, 5], [3, 5, 3, 5]
    rows = [
        ("r", f"p{i}", "m", v, repeat) for repeat, vs in ((0, firsts), (1, seconds)) for i, v in enumerate(vs)
    ]
    ratings = check_ratings(pd.DataFrame(rows, columns=["rater", "picture", "method", "score", "repeat"]))
    pairs = retest_pairs(ratings)
    found = retest_reliability(pairs)
    assert (found.pairs, found.exact, found.within_one, found.shift) == (4, 0.5, 1.0, 0.5)
    assert len(ratings.first) == 4
    assert retest_by_rater(pairs)["shift"].tolist() == [0.5]


@pytest.mark.parametrize(
    "question",
    [intraclass_correlation, kendalls_w, lambda s: krippendorff_alpha(s, "ordinal"), recover_quality],
)
@pytest.mark.parametrize(
    "scores", [np.full((1, 1), 3.0), np.full((4, 1), 3.0), np.array([[3.0, np.nan], [np.nan, 2.0]])]
)
def test_too_little_data_is_a_sentence_not_a_number(question, scores):
    with pytest.raises(CannotSayError):
        question(scores)


@pytest.mark.parametrize(
    "question", [intraclass_correlation, lambda s: krippendorff_alpha(s, "nominal"), kendalls_w]
)
def test_equal_scores_have_no_agreement_to_measure(question):
    with pytest.raises(CannotSayError):
        question(np.full((6, 5), 4.0))

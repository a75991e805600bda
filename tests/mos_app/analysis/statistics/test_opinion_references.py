"""Numbers that others computed: of real public ratings, and of a synthetic study."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mos_app.analysis.input.panel import panel_of
from mos_app.analysis.input.ratings import ACR, check_ratings
from mos_app.analysis.input.reading import read_table
from mos_app.analysis.statistics.agreement import intraclass_correlation, kendalls_w
from mos_app.analysis.statistics.alpha import krippendorff_alpha
from mos_app.analysis.statistics.likelihood import recover_quality
from mos_app.analysis.statistics.opinion import sos_parameter, t_half_width
from mos_app.analysis.statistics.screening import bt500_rejection, rater_bias, remove_bias

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "opinion.json").read_text())
SCORES = np.array(GOLDEN["scores"], dtype=float)
CLOSE = 1e-4


@pytest.fixture(scope="module")
def netflix() -> np.ndarray:
    """79 stimuli x 26 raters of the Netflix public data set, raw votes."""
    path = Path(os.environ["SRMOS_DATA"]).parent / "golden" / "nflx_public_raw.csv"
    return panel_of(check_ratings(read_table(str(path)))).scores


@pytest.mark.data
def test_netflix_mos_and_its_interval(netflix):
    mos = netflix.mean(1)
    assert netflix.shape == (79, 26)
    assert mos.mean() == pytest.approx(3.544791, abs=CLOSE)
    assert mos.var() == pytest.approx(1.401222, abs=CLOSE)
    assert t_half_width(netflix).mean() == pytest.approx(0.26746, abs=CLOSE)
    assert sos_parameter(netflix, ACR) == pytest.approx(0.197995, abs=CLOSE)


@pytest.mark.data
def test_netflix_bt500_rejects_rater_2(netflix):
    rejected = bt500_rejection(netflix).rejected
    assert np.flatnonzero(rejected).tolist() == [2]
    assert netflix[:3, ~rejected].mean(1) == pytest.approx([1.32, 2.08, 2.48], abs=CLOSE)


@pytest.mark.data
def test_netflix_bias_removal_rejects_four(netflix):
    unbiased = remove_bias(netflix)
    rejected = bt500_rejection(unbiased).rejected
    assert np.flatnonzero(rejected).tolist() == [3, 4, 9, 12]
    assert unbiased[:, ~rejected].mean(1).var() == pytest.approx(1.471344, abs=CLOSE)


@pytest.mark.data
def test_netflix_maximum_likelihood(netflix):
    found = recover_quality(netflix)
    assert found.quality.var() == pytest.approx(1.435549, abs=CLOSE)
    assert found.bias.var() == pytest.approx(0.089033, abs=CLOSE)
    assert found.inconsistency.mean() == pytest.approx(0.603145, abs=CLOSE)


@pytest.mark.data
def test_netflix_agreement(netflix):
    icc = intraclass_correlation(netflix)
    assert (icc.single, icc.average) == pytest.approx((0.744573, 0.986978), abs=CLOSE)
    alphas = [krippendorff_alpha(netflix, level) for level in ("ordinal", "interval", "nominal")]
    assert alphas == pytest.approx([0.714266, 0.741776, 0.323880], abs=CLOSE)
    assert kendalls_w(netflix)[0] == pytest.approx(0.775076, abs=CLOSE)


def test_screening_is_sureals():
    rejected, unbiased = bt500_rejection(SCORES).rejected, remove_bias(SCORES)
    again = bt500_rejection(unbiased).rejected
    assert np.flatnonzero(rejected).tolist() == GOLDEN["bt500_rejected"] == [3]
    assert SCORES[:, ~rejected].mean(1) == pytest.approx(GOLDEN["bt500_mos"], abs=1e-9)
    assert np.flatnonzero(again).tolist() == GOLDEN["p913_rejected"]
    assert unbiased[:, ~again].mean(1) == pytest.approx(GOLDEN["p913_mos"], abs=1e-9)
    assert rater_bias(SCORES) == pytest.approx(GOLDEN["bias"], abs=1e-9)


def test_maximum_likelihood_is_sureals():
    found = recover_quality(SCORES)
    low, high = GOLDEN["inconsistency_ci"]
    assert found.quality == pytest.approx(GOLDEN["recovered_quality"], abs=1e-6)
    assert found.bias == pytest.approx(GOLDEN["recovered_bias"], abs=1e-6)
    assert found.bias_half_width == pytest.approx(GOLDEN["recovered_bias_ci"], rel=1e-4)
    assert found.inconsistency == pytest.approx(GOLDEN["inconsistency"], abs=1e-6)
    assert found.inconsistency - found.inconsistency_low == pytest.approx(low, abs=1e-6)
    assert found.inconsistency_high - found.inconsistency == pytest.approx(high, abs=1e-6)


def test_agreement_is_that_of_three_other_libraries():
    icc = intraclass_correlation(SCORES)
    assert [icc.single, icc.average] == pytest.approx(GOLDEN["icc"], abs=1e-9)
    bounds = [[icc.single_low, icc.single_high], [icc.average_low, icc.average_high]]
    assert np.array(bounds) == pytest.approx(np.array(GOLDEN["icc_ci"]), abs=0.0051)  # pingouin rounds to .01
    for level, alpha in GOLDEN["alpha"].items():
        assert krippendorff_alpha(SCORES, level) == pytest.approx(alpha, abs=1e-9)
    assert kendalls_w(SCORES)[0] == pytest.approx(GOLDEN["kendalls_w"], abs=1e-9)

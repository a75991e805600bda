"""The whole analysis of a study of scores: every section's result, or why there is none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from bench.palette import model_order
from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.flags import exclusions, rater_table
from mos_app.analysis.input.joining import join_scores
from mos_app.analysis.input.panel import Crossing, Panel, crossings_of, panel_of
from mos_app.analysis.input.ratings import Ratings
from mos_app.analysis.settings import Settings
from mos_app.analysis.statistics.agreement import intraclass_correlation, kendalls_w, split_half
from mos_app.analysis.statistics.alpha import Level, alpha_interval, krippendorff_alpha
from mos_app.analysis.statistics.bootstrap import Draws, draw
from mos_app.analysis.statistics.differences import ALPHA, RankTest, compare_methods, friedman_nemenyi
from mos_app.analysis.statistics.letters import compact_letters
from mos_app.analysis.statistics.opinion import (
    method_dmos,
    method_mos,
    sos_parameter,
    stimulus_dmos,
    stimulus_mos,
)
from mos_app.analysis.statistics.planning import smallest_difference, study_variances
from mos_app.analysis.statistics.prediction import (
    Prediction,
    metric_differences,
    predict,
    predict_methods,
    prediction_table,
)
from mos_app.analysis.statistics.ranks import average_ranks
from mos_app.analysis.statistics.retest import Retest, retest_by_rater, retest_pairs, retest_reliability
from mos_app.analysis.statistics.variants import (
    ALL_RATERS,
    Variant,
    headline_decisions,
    headline_mos,
    screening_variants,
)

T = TypeVar("T")
_NO_ROWS = pd.DataFrame()


@dataclass(frozen=True)
class Raters:
    """The people: one row each, whom a rule names, and the headline under each rule."""

    table: pd.DataFrame
    exclusions: pd.DataFrame
    headline_mos: pd.DataFrame
    headline_decisions: pd.DataFrame


@dataclass(frozen=True)
class Agreement:
    """How far they agree: `measure, value, low, high, on`; and with themselves."""

    table: pd.DataFrame
    retest: Retest | None
    retest_by_rater: pd.DataFrame


@dataclass(frozen=True)
class Methods:
    """What was asked: MOS, DMOS, ranks, differences. One row a method (or pair) and data set."""

    stimuli: pd.DataFrame
    stimuli_dmos: pd.DataFrame
    mos: pd.DataFrame
    """With `letters`: methods that share one do not differ significantly."""
    dmos: pd.DataFrame
    ranks: pd.DataFrame
    differences: pd.DataFrame
    rank_tests: dict[str, RankTest]
    """By data set."""
    resolution: pd.DataFrame
    """`dataset, raters, pictures, smallest` difference that the design finds four times in five."""


@dataclass(frozen=True)
class Metrics:
    """How objective metrics predict people."""

    predictions: tuple[Prediction, ...]
    table: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """Everything that the report shows."""

    settings: Settings
    ratings: Ratings
    panel: Panel
    """Of the raters whom the headline keeps."""
    crossings: tuple[Crossing, ...]
    left_out: tuple[str, ...]
    raters: Raters
    agreement: Agreement
    methods: Methods
    metrics: Metrics | None
    unanswered: tuple[str, ...]
    """What these ratings cannot say, in sentences."""


class _Unanswered:
    """Collects why a question has no answer."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def ask(self, question: Callable[[], T], otherwise: T) -> T:
        """Return the answer, or `otherwise` with the reason kept."""
        try:
            return question()
        except CannotSayError as error:
            if str(error) not in self.reasons:
                self.reasons.append(str(error))
            return otherwise


def analyse(ratings: Ratings, settings: Settings, scores: pd.DataFrame | None = None) -> Analysis:
    """Return the analysis of checked ratings; `scores` is scores.csv, to judge its metrics."""
    unanswered = _Unanswered()
    everybody = panel_of(ratings)
    order = tuple(sorted(set(everybody.stimuli["method"]), key=model_order))
    raters = rater_table(ratings, everybody, settings.flags)
    variants = screening_variants(everybody, raters)
    chosen = _headline(variants, settings)
    comparable = _comparable(chosen.panel, order, unanswered)
    methods = _methods(chosen.panel, comparable, settings, ratings, unanswered)
    return Analysis(
        settings=settings,
        ratings=ratings,
        panel=chosen.panel,
        crossings=tuple(comparable),
        left_out=chosen.left_out,
        raters=_raters(raters, variants, order if comparable else ()),
        agreement=_agreement(ratings.without(chosen.left_out), chosen.panel, settings, unanswered),
        methods=methods,
        metrics=None if scores is None else _metrics(methods.stimuli, scores, settings, unanswered),
        unanswered=tuple(unanswered.reasons),
    )


def _headline(variants: list[Variant], settings: Settings) -> Variant:
    wanted = {"none": ALL_RATERS, "bt500": "without BT", "p913": "P.913", "flags": "without flagged"}
    return next((v for v in variants if v.name.startswith(wanted[settings.screening])), variants[0])


def _comparable(panel: Panel, order: tuple[str, ...], unanswered: _Unanswered) -> list[Crossing]:
    """Return the crossings, none where no two methods share a picture."""
    pictures = panel.stimuli.groupby(["dataset", "picture"])["method"].nunique()
    shared = panel.stimuli.groupby("method")["picture"].nunique().max()
    if len(pictures) > 1 and shared < 2:
        unanswered.reasons.append(
            "No method was rated on two pictures, so methods cannot be compared: the analysis is of "
            "stimuli and raters."
        )
        return []
    return crossings_of(panel, order)


def _raters(table: pd.DataFrame, variants: list[Variant], order: tuple[str, ...]) -> Raters:
    if not order:
        return Raters(table, exclusions(table), _NO_ROWS, _NO_ROWS)
    return Raters(
        table, exclusions(table), headline_mos(variants, order), headline_decisions(variants, order)
    )


def _agreement(ratings: Ratings, panel: Panel, settings: Settings, unanswered: _Unanswered) -> Agreement:
    rows: list[tuple[str, float, float, float, str]] = []
    for question in (_icc_rows, _alpha_rows, _w_rows, _split_half_rows, _sos_rows):
        rows += unanswered.ask(lambda question=question: question(panel, ratings, settings), [])  # type: ignore[misc]
    table = pd.DataFrame(rows, columns=["measure", "value", "low", "high", "on"])
    pairs = retest_pairs(ratings)
    retest = unanswered.ask(lambda: retest_reliability(pairs), None)
    return Agreement(table, retest, retest_by_rater(pairs))


_Rows = list[tuple[str, float, float, float, str]]


def _icc_rows(panel: Panel, _ratings: Ratings, _settings: Settings) -> _Rows:
    icc = intraclass_correlation(panel.scores)
    on = f"{len(panel.scores)} stimuli, {len(panel.raters)} raters"
    k = f"ICC(A,k), k = {icc.raters:.4g}"
    return [
        ("ICC(A,1)", icc.single, icc.single_low, icc.single_high, on),
        (k, icc.average, icc.average_low, icc.average_high, on),
    ]


def _alpha_rows(panel: Panel, _ratings: Ratings, settings: Settings) -> _Rows:
    levels: tuple[Level, ...] = ("ordinal", "interval", "nominal")
    on, rows = f"{len(panel.scores)} stimuli, bootstrap over stimuli", []
    for level in levels:
        value = krippendorff_alpha(panel.scores, level)
        low, high = alpha_interval(panel.scores, level, draws=settings.draws, seed=settings.seed)
        rows.append((f"Krippendorff's alpha, {level}", value, low, high, on))
    return rows


def _w_rows(panel: Panel, _ratings: Ratings, _settings: Settings) -> _Rows:
    w, stimuli, raters = kendalls_w(panel.scores)
    return [
        ("Kendall's W, ties corrected", w, np.nan, np.nan, f"{stimuli} stimuli, {raters} raters without gaps")
    ]


def _split_half_rows(panel: Panel, _ratings: Ratings, settings: Settings) -> _Rows:
    value = split_half(panel.scores, splits=100, seed=settings.seed)
    return [("split-half of MOS, Spearman-Brown", value, np.nan, np.nan, "mean of 100 random splits")]


def _sos_rows(panel: Panel, ratings: Ratings, _settings: Settings) -> _Rows:
    value = sos_parameter(panel.scores, ratings.scale)
    return [("SOS parameter a", value, np.nan, np.nan, "s² = a (−m² + 6 m − 5) on a scale of 1 to 5")]


def _methods(
    panel: Panel, crossings: list[Crossing], settings: Settings, ratings: Ratings, unanswered: _Unanswered
) -> Methods:
    reference, scale = settings.reference, ratings.scale
    draws = {
        c.name: draw(len(c.raters), len(c.pictures), draws=settings.draws, seed=settings.seed)
        for c in crossings
    }
    ask = unanswered.ask
    differences = [ask(lambda c=c: compare_methods(c, draws[c.name]), _NO_ROWS) for c in crossings]  # type: ignore[misc]
    _say_what_is_untested(differences, crossings, unanswered)
    tests = {c.name: ask(lambda c=c: friedman_nemenyi(c, unranked=reference), None) for c in crossings}  # type: ignore[misc]
    return Methods(
        stimuli=stimulus_mos(panel, draws=settings.draws, seed=settings.seed),
        stimuli_dmos=ask(lambda: stimulus_dmos(panel, reference, scale), _NO_ROWS),
        mos=_stack(
            [
                _with_letters(method_mos(c, draws[c.name]), d)
                for c, d in zip(crossings, differences, strict=True)
            ]
        ),
        dmos=_stack([ask(lambda c=c: method_dmos(c, reference, scale), _NO_ROWS) for c in crossings]),  # type: ignore[misc]
        ranks=_stack([ask(lambda c=c: _ranks(c, draws[c.name], reference), _NO_ROWS) for c in crossings]),  # type: ignore[misc]
        differences=_stack(differences),
        rank_tests={name: test for name, test in tests.items() if test is not None},
        resolution=_stack([ask(lambda c=c: _resolution(c), _NO_ROWS) for c in crossings]),  # type: ignore[misc]
    )


def _ranks(crossing: Crossing, draws: Draws, reference: str) -> pd.DataFrame:
    return average_ranks(crossing, draws, unranked=reference)


def _stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else _NO_ROWS


def _say_what_is_untested(
    differences: list[pd.DataFrame], crossings: list[Crossing], unanswered: _Unanswered
) -> None:
    for table, crossing in zip(differences, crossings, strict=True):
        untested = int(table["p"].isna().sum()) if len(table) else 0
        if untested:
            unanswered.reasons.append(
                f"{crossing.name}: {untested} of {len(table)} pairs of methods have no crossed test, which "
                "needs two raters and two pictures, and differences that are not all the same."
            )


def _with_letters(mos: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    if not len(differences) or differences["p"].isna().any():
        return mos.assign(letters="")
    ranked = mos.sort_values("mos", ascending=False, kind="stable")["method"].tolist()
    significant = differences[differences["p_holm"] < ALPHA]
    letters = compact_letters(ranked, list(zip(significant["a"], significant["b"], strict=True)))
    return mos.assign(letters=mos["method"].map(letters))


def _resolution(crossing: Crossing) -> pd.DataFrame:
    variances = study_variances(crossing)
    raters, pictures = len(crossing.raters), len(crossing.pictures)
    smallest = smallest_difference(variances, raters, pictures)
    return pd.DataFrame(
        {
            "dataset": [crossing.name],
            "raters": [raters],
            "pictures": [pictures],
            "method_picture": [variances.method_picture],
            "method_rater": [variances.method_rater],
            "residual": [variances.residual],
            "smallest": [smallest],
        }
    )


def _metrics(
    stimuli: pd.DataFrame, scores: pd.DataFrame, settings: Settings, unanswered: _Unanswered
) -> Metrics:
    points, notes = join_scores(stimuli, scores)
    sets = list(dict.fromkeys(points["dataset_of"]))
    groups = [(name or "all pictures", points[points["dataset_of"] == name]) for name in sets]
    if len(sets) > 1:
        groups.append(("all sets", points))
    found: list[Prediction] = []
    for name, of_set in groups:
        for metric, own in of_set.groupby("metric", sort=True):
            own = own.assign(dataset=name, metric=str(metric))
            ask = unanswered.ask
            by_picture = ask(lambda own=own: predict(own, draws=settings.draws, seed=settings.seed), None)  # type: ignore[misc]
            by_method = ask(lambda own=own: predict_methods(own), None)  # type: ignore[misc]
            found += [p for p in (by_picture, by_method) if p is not None]
    return Metrics(tuple(found), prediction_table(found), metric_differences(found), notes)

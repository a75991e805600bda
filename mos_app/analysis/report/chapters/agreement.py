"""Agreement: between raters, and of raters with themselves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_app.analysis.input.panel import Panel
from mos_app.analysis.input.ratings import Ratings
from mos_app.analysis.material import Material
from mos_app.analysis.report.section import Section, filled
from mos_app.analysis.report.tables import Table
from mos_app.analysis.report.wording import bounds_text
from mos_app.analysis.settings import Settings
from mos_app.analysis.statistics.agreement import intraclass_correlation, kendalls_w, split_half
from mos_app.analysis.statistics.alpha import Level, alpha_interval, krippendorff_alpha
from mos_app.analysis.statistics.opinion import (
    sos_parameter,
)
from mos_app.analysis.statistics.retest import Retest, retest_by_rater, retest_pairs, retest_reliability


@dataclass(frozen=True)
class Agreement:
    """How far they agree: `measure, value, low, high, on`; and with themselves."""

    table: pd.DataFrame
    retest: Retest | None
    retest_by_rater: pd.DataFrame


def measure(material: Material) -> Agreement:
    """Return every coefficient that these ratings allow."""
    panel, settings, ratings = material.panel, material.settings, material.ratings
    rows: _Rows = []
    for question in (_icc_rows, _alpha_rows, _w_rows, _split_half_rows, _sos_rows):
        rows += material.ask(lambda question=question: question(panel, ratings, settings), [])  # type: ignore[misc]
    table = pd.DataFrame(rows, columns=["measure", "value", "low", "high", "on"])
    pairs = retest_pairs(ratings.without(material.left_out))
    return Agreement(table, material.ask(lambda: retest_reliability(pairs), None), retest_by_rater(pairs))


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


def sentence(found: Agreement) -> str:
    """Return agreement between raters, and of raters with themselves."""
    table = found.table.set_index("measure")
    parts = [
        f"{name} = {row['value']:.3f}{bounds_text(row)}"
        for name, row in table.iterrows()
        if "ICC" in str(name)
    ]
    if "Krippendorff's alpha, ordinal" in table.index:
        alpha = table.xs("Krippendorff's alpha, ordinal")
        parts.append(f"Krippendorff's ordinal alpha = {alpha['value']:.3f}{bounds_text(alpha)}")
    text = f"Agreement between raters: {'; '.join(parts)}." if parts else ""
    retest = found.retest
    if retest is not None:
        icc = "" if retest.icc is None else f"ICC {retest.icc:.2f}, "
        kappa = "" if retest.kappa is None else f"weighted kappa {retest.kappa:.2f}, "
        text += (
            f" Of {retest.pairs} hidden repeats {retest.exact:.0%} got the same score again and "
            f"{retest.within_one:.0%} one within a step: {icc}{kappa}mean shift {retest.shift:+.2f}."
        )
    return text.strip()


def section(found: Agreement) -> Section:
    """Return the chapter."""
    retest = pd.DataFrame([found.retest]) if found.retest is not None else pd.DataFrame()
    tables = [
        Table("agreement", "Agreement between raters", "", found.table),
        Table(
            "retest", "Test-retest", "First and second rating of one stimulus by one rater, pooled.", retest
        ),
    ]
    folded = [Table("retest-raters", "Test-retest per rater", "", found.retest_by_rater)]
    return Section("Agreement", (), (), filled(tables), filled(folded))

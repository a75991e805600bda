"""The report's chapters: sentences, figures and tables, for the page, the files and the admin's Results
tab.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.figures.style import Plot
from mos_app.analysis.flags import rules_in_words
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.report import figures, figures_people, statements
from mos_app.analysis.report.tables import Table
from mos_app.analysis.results import Analysis, Metrics
from mos_app.analysis.statistics.differences import ALPHA, RankTest

_FIGURE_METHODS = 24  # more do not fit a column


@dataclass(frozen=True)
class Section:
    """One chapter."""

    title: str
    text: tuple[str, ...]
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    """Long tables, closed until asked for."""


def sections_of(analysis: Analysis) -> list[Section]:
    """Return the report's sections, empty ones left out."""
    every = [
        _summary(analysis),
        _methods(analysis),
        _differences(analysis),
        _raters(analysis),
        _agreement(analysis),
    ]
    if analysis.metrics is not None:
        every.append(_metrics(analysis.metrics))
    every += [_stimuli(analysis), _unanswered(analysis), _how(analysis)]
    return [section for section in every if section.text or section.plots or section.tables]


def _summary(analysis: Analysis) -> Section:
    text = [statements.design_statement(analysis)]
    text += [statements.winner_statement(analysis, crossing.name) for crossing in analysis.crossings]
    if len(analysis.methods.resolution):
        text.append(statements.resolution_statement(analysis.methods.resolution))
    text += [statements.screening_statement(analysis), statements.agreement_statement(analysis)]
    return Section("In short", tuple(t for t in text if t))


def _methods(analysis: Analysis) -> Section:
    found, drawn = analysis.methods, [c for c in analysis.crossings if len(c.methods) <= _FIGURE_METHODS]
    plots = [figures.distributions(c, analysis.ratings.scale) for c in drawn]
    plots += [figures.mos_intervals(_of(found.mos, c), analysis.ratings.scale) for c in drawn]
    single = found.ranks[found.ranks["dataset"] != "all sets"] if len(found.ranks) else found.ranks
    if len(single) and single["method"].nunique() <= _FIGURE_METHODS:
        plots.append(figures.rank_figure(single))
    tables = [
        Table("mos", "MOS per method and set", _MOS_CAPTION, found.mos),
        Table(
            "dmos",
            "DMOS",
            "Score minus the hidden reference's, plus the top of the scale (ACR-HR).",
            found.dmos,
        ),
        Table(
            "ranks",
            "Average ranks",
            "Over raters and pictures, 1 the best; the original takes none.",
            found.ranks,
        ),
    ]
    return Section("Methods", (), tuple(plots), _filled(tables))


_MOS_CAPTION = (
    "Intervals take raters and pictures as samples: by t on the crossed variance components, and by the "
    "two-way bootstrap. Methods that share a letter do not differ significantly (crossed test, Holm, .05). "
    "Overlapping intervals are no test: raters and pictures are common to all methods."
)


def _differences(analysis: Analysis) -> Section:
    found = analysis.methods
    if not len(found.differences):
        return Section("Differences between methods", ())
    plots = [plot for c in analysis.crossings for plot in _difference_plots(analysis, c)]
    single = found.differences[found.differences["dataset"] != "all sets"]
    text = [statements.wilcoxon_statement(single if len(single) else found.differences)]
    tables = [
        Table("resolution", "What the design can show", _RESOLUTION_CAPTION, found.resolution),
        Table(
            "friedman",
            "Friedman's test",
            "Blocks are pictures; the raters are taken as fixed.",
            _friedman(found.rank_tests),
        ),
    ]
    folded = [
        Table("differences", "All differences", _DIFFERENCES_CAPTION, found.differences),
        Table(
            "nemenyi", "Nemenyi's test", "Pairs of average ranks over pictures.", _nemenyi(found.rank_tests)
        ),
    ]
    return Section("Differences between methods", tuple(text), tuple(plots), _filled(tables), _filled(folded))


_DIFFERENCES_CAPTION = (
    "The headline is p (Holm): the crossed test, raters and pictures random, corrected over the pairs of a "
    "set. d is the difference over the standard deviation of a rating within a method; superiority is how "
    "often a was rated above b (ties half). The Wilcoxon columns are two-sided, zeros dropped, "
    "uncorrected: over all ratings as in the SRGAN paper, and over picture means."
)
_RESOLUTION_CAPTION = (
    "Variance components of a difference, per method, and the true difference found with power .8."
)


def _difference_plots(analysis: Analysis, crossing: Crossing) -> list[Plot]:
    mos, differences = _of(analysis.methods.mos, crossing), _of(analysis.methods.differences, crossing)
    if not 2 <= len(mos) <= _FIGURE_METHODS or not len(differences):
        return []
    plots = [figures.difference_matrix(differences, mos)]
    test = analysis.methods.rank_tests.get(crossing.name)
    return plots if test is None else [*plots, figures.critical_difference(test, crossing.name)]


def _friedman(tests: dict[str, RankTest]) -> pd.DataFrame:
    rows = [
        (name, len(t.methods), t.pictures, t.chi_square, t.p, t.critical_difference)
        for name, t in tests.items()
    ]
    return pd.DataFrame(
        rows, columns=["dataset", "methods", "pictures", "chi_square", "p", "critical_difference"]
    )


def _nemenyi(tests: dict[str, RankTest]) -> pd.DataFrame:
    rows = [
        (name, a, b, t.ranks[i], t.ranks[j], t.nemenyi[i, j])
        for name, t in tests.items()
        for i, a in enumerate(t.methods)
        for j, b in enumerate(t.methods)
        if i < j
    ]
    return pd.DataFrame(rows, columns=["dataset", "a", "b", "rank_a", "rank_b", "p"])


def _raters(analysis: Analysis) -> Section:
    raters = analysis.raters
    plots = [figures_people.rater_figure(raters.table)] if "ml_bias" in raters.table.columns else []
    tables = [
        Table(
            "exclusions",
            "Whom a rule names",
            "Nobody is dropped in silence: rule and reason of each.",
            raters.exclusions,
        ),
        Table(
            "headline-decisions",
            "Verdicts under each rule",
            "Crossed test, Holm, .05.",
            raters.headline_decisions,
        ),
    ]
    folded = [
        Table("headline-mos", "MOS under each rule", "With and without exclusions.", raters.headline_mos),
        Table("raters", "Raters", "One row a person. Limits are in the last section.", raters.table),
    ]
    return Section("Raters", (), tuple(plots), _filled(tables), _filled(folded))


def _agreement(analysis: Analysis) -> Section:
    found = analysis.agreement
    retest = pd.DataFrame([found.retest]) if found.retest is not None else pd.DataFrame()
    tables = [
        Table("agreement", "Agreement between raters", "", found.table),
        Table(
            "retest", "Test-retest", "First and second rating of one stimulus by one rater, pooled.", retest
        ),
    ]
    folded = [Table("retest-raters", "Test-retest per rater", "", found.retest_by_rater)]
    return Section("Agreement", (), (), _filled(tables), _filled(folded))


def _metrics(metrics: Metrics) -> Section:
    by_picture = [p for p in metrics.predictions if p.level == "picture"]
    widest = [p for p in by_picture if p.dataset == "all sets"] or by_picture
    plots = [figures_people.metric_overview(metrics.table)] if by_picture else []
    plots += [figures_people.metric_scatter(p) for p in widest[:12]]
    curves = [(p.dataset, p.metric, p.level, *p.curve) for p in metrics.predictions if p.curve is not None]
    tables = [Table("metrics", "Metrics against people", _METRICS_CAPTION, metrics.table)]
    folded = [
        Table(
            "metric-differences",
            "Metrics against each other",
            "Paired bootstrap of |SROCC|.",
            metrics.differences,
        ),
        Table(
            "metric-curves",
            "Fitted curves",
            "f(x) = b2 + (b1 − b2) / (1 + exp(−(x − b3) / b4)).",
            pd.DataFrame(curves, columns=["dataset", "metric", "level", "b1", "b2", "b3", "b4"]),
        ),
    ]
    return Section(
        "Metrics against people",
        (statements.metric_statement(metrics),),
        tuple(plots),
        _filled(tables),
        _filled(folded),
    )


_METRICS_CAPTION = (
    "PLCC and RMSE after the four-parameter logistic. 95 % intervals by a bootstrap over pictures, the "
    "curve fitted again to each draw. Methods are no sample, so their rows have no intervals."
)


def _stimuli(analysis: Analysis) -> Section:
    found = analysis.methods
    folded = [
        Table(
            "stimuli",
            "MOS per stimulus",
            "95 % intervals by t and by a bootstrap over raters.",
            found.stimuli,
        ),
        Table("stimuli-dmos", "DMOS per stimulus", "95 % intervals by t over raters.", found.stimuli_dmos),
    ]
    return Section(
        "Stimuli", (f"{len(found.stimuli):,} stimuli, each with its own MOS.",), (), (), _filled(folded)
    )


def _unanswered(analysis: Analysis) -> Section:
    return Section("What these ratings cannot say", (*analysis.unanswered,))


def _how(analysis: Analysis) -> Section:
    settings, rules = analysis.settings, analysis.settings.flags
    return Section(
        "How it was done",
        (
            *analysis.ratings.notes,
            f"Bootstrap: {settings.draws:,} draws, seed {settings.seed}. Significance at {ALPHA:g}. "
            f"Screening of the headline: {settings.screening}.",
            "Crossed test: quasi-F (Clark 1973) with Satterthwaite's degrees of freedom, components by "
            "Henderson's method 1, which is ANOVA where no vote is missing; negative components are 0.",
            "BT.500-14 rejects a rater with more than 5 % outlying votes on both sides (one-sidedness "
            "under 0.30). P.913 takes off each rater's bias first. P.910 Annex E estimates bias and "
            "inconsistency by maximum likelihood.",
            rules_in_words(rules),
        ),
    )


def _of(table: pd.DataFrame, crossing: Crossing) -> pd.DataFrame:
    return table[table["dataset"] == crossing.name] if len(table) else table


def _filled(tables: Sequence[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if len(table.frame))

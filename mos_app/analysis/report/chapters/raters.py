"""Raters: one by one, whom a rule names, and whether a conclusion hangs on who was left out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.figures.style import INK, Plot, blank, styled
from mos_app.analysis.arrays import rows_of
from mos_app.analysis.flags import exclusions
from mos_app.analysis.material import Material
from mos_app.analysis.report.drawing import ACCENT, QUIET
from mos_app.analysis.report.section import NO_ROWS, Section, filled
from mos_app.analysis.report.tables import Table
from mos_app.analysis.report.wording import counted, listed
from mos_app.analysis.statistics.variants import (
    headline_decisions,
    headline_mos,
)

MOST_NAMES = 8
"""More raters than this are counted in a sentence; the table names them."""


@dataclass(frozen=True)
class Raters:
    """The people: one row each, whom a rule names, and the headline under each rule."""

    table: pd.DataFrame
    exclusions: pd.DataFrame
    headline_mos: pd.DataFrame
    headline_decisions: pd.DataFrame


def measure(material: Material) -> Raters:
    """Return the raters, and the headline under each rule of screening."""
    table, named, variants = material.everybody, exclusions(material.everybody), material.variants
    if not material.crossings:
        return Raters(table, named, NO_ROWS, NO_ROWS)
    mos, decisions = headline_mos(variants, material.order), headline_decisions(variants, material.order)
    return Raters(table, named, mos, decisions)


def sentence(material: Material, found: Raters) -> str:
    """Return whom the rules name, and whether it matters."""
    named, left_out = found.exclusions, material.left_out
    who = "The headline keeps all raters."
    if left_out:
        told = listed(list(left_out)) if len(left_out) <= MOST_NAMES else f"{len(left_out)} raters"
        who = f"The headline leaves out {told}."
    if not len(named):
        return f"No screening rule names a rater. {who}"
    raters = sorted(set(named["rater"]))
    rules = [f"{row.raters} by {row.rule}" for row in rows_of(by_rule(named))]
    text = f"{counted(len(raters), 'rater is', 'raters are')} named by a rule: {listed(rules)}. {who}"
    decisions = found.headline_decisions
    if len(decisions):
        changed = int(decisions["changed"].ne("none").sum())
        text += (
            " No verdict between methods changes under any rule."
            if changed == 0
            else " Some verdicts between methods change with the rule; the table says which."
        )
    return text


def by_rule(named: pd.DataFrame) -> pd.DataFrame:
    """Return how many raters each rule names: `rule, raters`."""
    return named.groupby("rule", sort=False)["rater"].nunique().rename("raters").reset_index()


def section(raters: Raters) -> Section:
    """Return the chapter."""
    plots = [rater_figure(raters.table)] if "ml_bias" in raters.table.columns else []
    tables = [
        Table(
            "exclusions-by-rule",
            "How many each rule names",
            "One rater may be named by several.",
            by_rule(raters.exclusions),
        ),
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
    return Section("Raters", (), tuple(plots), filled(tables), filled(folded))


def rater_figure(raters: pd.DataFrame) -> Plot:
    """Return each rater's bias and inconsistency with intervals, those named by a rule marked."""
    named = (raters["bt500_rejected"] | raters["p913_rejected"] | (raters["flags"] != "")).to_numpy()
    y = np.arange(len(raters))[::-1]
    step = max(1, len(raters) // 40)
    with styled():
        height = 0.7 + 0.13 * min(len(raters), 60)
        figure, left = blank(height, left=0.75)
        left.set_position((0.2, 0.42 / height, 0.36, 1 - 0.67 / height))
        right = figure.add_axes((0.61, 0.42 / height, 0.36, 1 - 0.67 / height))
        for axes, value, title in ((left, "ml_bias", "bias"), (right, "inconsistency", "inconsistency")):
            for rows, colour in ((~named, QUIET), (named, ACCENT)):
                axes.hlines(
                    y[rows],
                    raters[f"{value}_low"][rows],
                    raters[f"{value}_high"][rows],
                    color=colour,
                    lw=1.6,
                    alpha=0.5,
                )
                axes.plot(raters[value][rows], y[rows], "o", ms=3, color=colour)
            axes.set_xlabel(f"{title}, score steps")
            axes.grid(axis="x")
            axes.set_ylim(-0.8, len(raters) - 0.2)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.set_yticks([])
        left.axvline(0, color=INK, lw=0.6)
        left.set_yticks(y[::step], raters["rater"].iloc[::step].str.slice(0, 10), fontsize=6)
    caption = (
        "Raters by maximum likelihood (P.910 Annex E) with 95 % intervals. "
        "Orange: named by a screening rule or a flag."
    )
    return Plot("raters", caption, figure)

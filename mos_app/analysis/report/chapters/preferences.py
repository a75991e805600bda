"""Forced choices: who is preferred, by how much, how sure."""

from itertools import combinations

import numpy as np
import pandas as pd

from bench.figures.style import FAINT, Plot, blank, styled
from bench.palette import colour_of, label_of
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.tables import Table
from mos_app.analysis.report.wording import equals_text, listed
from mos_app.analysis.statistics.differences import ALPHA
from mos_app.analysis.statistics.pairs import Preferences


def sections(table: pd.DataFrame, found: Preferences) -> list[Section]:
    """Return the sections for checked choices and their fitted strengths."""
    strengths = pd.DataFrame(
        {"method": found.methods, "wins": found.wins.sum(1), "shown": found.wins.sum(1) + found.wins.sum(0)}
    ).assign(strength=found.strength, strength_low=found.low, strength_high=found.high)
    tables = (
        Table("preferences", "Bradley-Terry strengths", _CAPTION, strengths),
        Table("wins", "Wins of the row over the column", "A tie is half a win for each.", _win_table(found)),
    )
    folded = (
        Table(
            "preference-pairs", "Pairs", "Share of wins of a, and as the strengths say.", _pair_table(found)
        ),
    )
    figure = preference_figure(found)
    return [
        Section("In short", _statements(table, found)),
        Section("Preferences", (), (figure,), tables, folded),
    ]


_CAPTION = "Log odds, mean 0; 95 % intervals by t on a bootstrap of raters and pictures, both drawn anew."


def _statements(table: pd.DataFrame, found: Preferences) -> tuple[str, ...]:
    raters = table["rater"].nunique()
    best, second = found.methods[:2]
    odds = 1 / (1 + np.exp(found.strength[1] - found.strength[0]))
    p = found.p[0, 1]
    text = [
        f"{raters} raters made {len(table):,} choices between {len(found.methods)} methods.",
        f"{label_of(best)} is the most preferred; by the fitted strengths it wins {odds:.0%} of its pairs "
        f"with {label_of(second)}, the next"
        + ("." if np.isnan(p) else f" (Holm-corrected p {equals_text(p)}, raters and pictures random)."),
    ]
    if raters < 2:
        text.append("A single rater's choices say nothing of other people: there are no intervals.")
    elif np.isnan(p):
        text.append("All choices are about one picture: nothing here speaks of other pictures.")
    elif p >= ALPHA:
        close = [
            label_of(m) for m, each in zip(found.methods[1:], found.p[0, 1:], strict=True) if each >= ALPHA
        ]
        text.append(f"The choices do not tell it from {listed(close)}.")
    return tuple(text)


def _win_table(found: Preferences) -> pd.DataFrame:
    wins = np.where(np.eye(len(found.methods), dtype=bool), np.nan, found.wins)
    columns = {label_of(name): wins[:, i] for i, name in enumerate(found.methods)}
    return pd.DataFrame({"method": found.methods, **columns})


def _pair_table(found: Preferences) -> pd.DataFrame:
    rows = []
    for i, j in combinations(range(len(found.methods)), 2):
        shown = found.wins[i, j] + found.wins[j, i]
        fitted = 1 / (1 + np.exp(found.strength[j] - found.strength[i]))
        share = found.wins[i, j] / shown if shown else np.nan
        rows.append((found.methods[i], found.methods[j], shown, share, fitted, found.p[i, j]))
    return pd.DataFrame(rows, columns=["a", "b", "shown", "share", "fitted", "p_holm"])


def preference_figure(found: Preferences) -> Plot:
    """Return Bradley-Terry strengths with intervals, the strongest on top."""
    methods = found.methods
    with styled():
        figure, axes = blank(0.7 + 0.2 * len(methods), left=1.12)
        for i, (method, value, a, b) in enumerate(
            zip(methods, found.strength, found.low, found.high, strict=True)
        ):
            y = len(methods) - 1 - i
            axes.plot([a, b], [y, y], color=colour_of(method), lw=2.4, alpha=0.55)
            axes.plot(value, y, "o", color=colour_of(method), ms=5)
        axes.set_yticks(range(len(methods)), [label_of(m) for m in reversed(methods)])
        axes.axvline(0, color=FAINT, lw=0.8)
        axes.set(xlabel="Bradley-Terry strength, log odds", ylim=(-0.6, len(methods) - 0.4))
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return Plot(
        "preferences", "Preference strengths with 95 % intervals, raters and pictures random.", figure
    )

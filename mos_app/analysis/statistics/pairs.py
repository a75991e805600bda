"""Forced choice: who was preferred to whom, and the strengths behind it. M methods."""

from dataclasses import dataclass

import choix
import numpy as np
import pandas as pd

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.bootstrap import draw_counts, percentile_interval
from sr_models.data.errors import InputError

_PRIOR = 0.1
REQUIRED = ("rater", "picture", "left", "right", "choice")


@dataclass(frozen=True)
class Preferences:
    """Bradley-Terry strengths: P(a preferred to b) = 1 / (1 + exp(b - a))."""

    methods: tuple[str, ...]
    """The strongest first."""
    wins: Array
    """(M, M): how often the row was preferred to the column; a tie is half a win for each."""
    strength: Array
    """(M,) log odds, mean 0."""
    low: Array
    high: Array


def is_pairs(table: pd.DataFrame) -> bool:
    """Return whether the table holds forced choices rather than scores."""
    return {"left", "right", "choice"} <= set(table.columns)


def win_matrix(table: pd.DataFrame, methods: tuple[str, ...]) -> Array:
    """Return (M, M) wins of the row over the column; `choice` is left, right, tie or a method's name."""
    wins = np.zeros((len(methods), len(methods)))
    for won, lost, weight in _outcomes(table):
        np.add.at(wins, ([methods.index(m) for m in won], [methods.index(m) for m in lost]), weight)
    return wins


def _outcomes(table: pd.DataFrame) -> list[tuple[pd.Series, pd.Series, float]]:
    left, right, choice = (table[name].astype(str) for name in ("left", "right", "choice"))
    is_left, is_right = (choice == "left") | (choice == left), (choice == "right") | (choice == right)
    tie = choice == "tie"
    unknown = ~(is_left | is_right | tie)
    if unknown.any():
        other = choice[unknown].iloc[0]
        raise InputError(f"expected the choice left, right, tie or one of the two methods, got {other!r}")
    return [
        (left[is_left], right[is_left], 1.0),
        (right[is_right], left[is_right], 1.0),
        (left[tie], right[tie], 0.5),
        (right[tie], left[tie], 0.5),
    ]


def check_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return the main choices of a table as read, checked; hidden repeats and resent rows are left out."""
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise InputError(f"a table of pairs needs {', '.join(REQUIRED)}; {', '.join(missing)} missing")
    if "phase" in table.columns:
        table = table[table["phase"].fillna("main") != "calibration"]
    if "repeat" in table.columns:
        table = table[~table["repeat"].fillna(0).astype(bool)]
    if "presentation" in table.columns:
        table = table.drop_duplicates(["rater", "presentation"])
    table = table[table["choice"].notna()]
    if table.empty:
        raise InputError("the table of pairs has no choice: nothing to analyse yet")
    if (table["left"] == table["right"]).any():
        raise InputError("a pair shows the same method on both sides: there is nothing to choose")
    return table.reset_index(drop=True)


def bradley_terry(table: pd.DataFrame, *, draws: int, seed: int) -> Preferences:
    """Return strengths with 95 % intervals from draws of raters; each rater's choices stay together.

    Maximum likelihood by choix, with a tenth of a win and of a loss added between any two methods: it keeps
    an unbeaten method finite, also in a draw. Source: Bradley & Terry (1952), Biometrika 39, 324.
    """
    methods = tuple(sorted({*table["left"].astype(str), *table["right"].astype(str)}))
    if len(methods) < 2:
        raise CannotSayError("preferences need two methods.")
    by_rater = np.stack([win_matrix(own, methods) for _, own in table.groupby("rater", sort=True)])
    wins = by_rater.sum(0)
    strength = _strengths(wins)
    counts = draw_counts(len(by_rater), draws, np.random.default_rng(seed))
    drawn = np.stack([_strengths(w) for w in np.einsum("br,rij->bij", counts, by_rater)], 1)
    low, high = percentile_interval(drawn) if len(by_rater) > 1 else (np.full_like(strength, np.nan),) * 2
    order = np.argsort(-strength, kind="stable")
    return Preferences(
        tuple(methods[i] for i in order), wins[np.ix_(order, order)], strength[order], low[order], high[order]
    )


def _strengths(wins: Array) -> Array:
    """Return (M,) Bradley-Terry strengths, mean 0, of a (M, M) win matrix."""
    prior = _PRIOR * (1 - np.eye(len(wins)))
    return np.asarray(choix.ilsr_pairwise_dense(wins + prior, max_iter=1000, tol=1e-8), dtype=float)

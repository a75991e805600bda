"""Forced choice: who was preferred to whom, and the strengths behind it. M methods."""

from dataclasses import dataclass
from itertools import combinations

import choix
import numpy as np
import pandas as pd
from scipy import sparse, stats

from bench.analysis.paired import holm
from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.bootstrap import draw_counts
from sr_models.data.errors import InputError

_PRIOR = 0.1
_BLOCK = 4_000_000  # numbers of drawn wins held at once
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
    p: Array
    """(M, M) two-sided p of two methods being equally strong, Holm-corrected; NaN without a test."""


def is_pairs(table: pd.DataFrame) -> bool:
    """Return whether the table holds forced choices rather than scores."""
    return {"left", "right", "choice"} <= set(table.columns)


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
    """Return strengths with 95 % intervals and tests, raters and pictures both drawn anew.

    Maximum likelihood by choix, with a tenth of a win and of a loss added between any two methods: it keeps
    an unbeaten method finite, also in a draw (Bradley & Terry 1952, Biometrika 39, 324). Intervals and tests
    are by t on the draws' standard deviation, with one degree of freedom less than there are raters or
    pictures, whichever are fewer. With one picture the intervals are over raters, and there is no test;
    a single rater gives neither.
    """
    methods = tuple(sorted({*table["left"].astype(str), *table["right"].astype(str)}))
    if len(methods) < 2:
        raise CannotSayError("preferences need two methods.")
    cells = wins_by_cell(table, methods)
    raters, pictures = cells.shape[:2]
    wins = cells.total()
    strength = _strengths(wins)
    order = np.argsort(-strength, kind="stable")
    size = len(methods)
    half, p = np.full(size, np.nan), np.full((size, size), np.nan)
    if raters > 1:
        df = min(size for size in (raters, pictures) if size > 1) - 1
        drawn = _drawn_strengths(cells, draws, seed)  # (draws, M)
        half = stats.t.ppf(0.975, df) * drawn.std(0, ddof=1)
        p = _equal_strength_p(strength, drawn, df) if pictures > 1 else p
    return Preferences(
        tuple(methods[i] for i in order),
        wins[np.ix_(order, order)],
        strength[order],
        (strength - half)[order],
        (strength + half)[order],
        p[np.ix_(order, order)],
    )


@dataclass(frozen=True)
class Cells:
    """Wins by rater and picture: most of R x P x M x M is empty."""

    wins: sparse.csr_array
    """(R, P * M * M)."""
    shape: tuple[int, int, int, int]

    def total(self) -> Array:
        """Return (M, M) wins over all raters and pictures."""
        wins: Array = np.asarray(self.wins.sum(0)).reshape(self.shape[1:]).sum(0)
        return wins

    def drawn(self, of_raters: Array, of_pictures: Array) -> Array:
        """Return (B, M, M) wins, raters and pictures counted as often as each of B draws says."""
        each = (self.wins.T @ of_raters.T).T.reshape(-1, *self.shape[1:])  # (B, P, M, M)
        wins: Array = np.einsum("bp,bpij->bij", of_pictures, each)
        return wins


def wins_by_cell(table: pd.DataFrame, methods: tuple[str, ...]) -> Cells:
    """Return the wins of the row over the column; `choice` is left, right, tie or a method's name."""
    rater, raters = pd.factorize(table["rater"].astype(str), sort=True)
    where = table["picture"].astype(str)
    if "dataset" in table.columns:
        where = table["dataset"].fillna("").astype(str) + "/" + where
    picture, pictures = pd.factorize(where, sort=True)
    shape = (len(raters), len(pictures), len(methods), len(methods))
    number = {method: index for index, method in enumerate(methods)}
    weights, rows, columns = [], [], []
    for won, lost, weight in _outcomes(table):
        at = won.index.to_numpy()
        cell = (picture[at], won.map(number).to_numpy(int), lost.map(number).to_numpy(int))
        weights.append(np.full(len(at), weight))
        rows.append(rater[at])
        columns.append(np.ravel_multi_index(cell, shape[1:]))
    where_to = (np.concatenate(rows), np.concatenate(columns))
    wins = sparse.coo_array((np.concatenate(weights), where_to), shape=(shape[0], int(np.prod(shape[1:]))))
    return Cells(wins.tocsr(), shape)  # equal cells are added


def _drawn_strengths(cells: Cells, draws: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    raters, pictures = (draw_counts(size, draws, rng) for size in cells.shape[:2])
    at_once = max(1, _BLOCK // int(np.prod(cells.shape[1:])))
    blocks = [slice(start, start + at_once) for start in range(0, draws, at_once)]
    return np.stack([_strengths(w) for block in blocks for w in cells.drawn(raters[block], pictures[block])])


def _equal_strength_p(strength: Array, drawn: Array, df: int) -> Array:
    pairs = list(combinations(range(len(strength)), 2))
    first, second = np.array(pairs).T
    deviation = (drawn[:, first] - drawn[:, second]).std(0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(strength[first] - strength[second]) / deviation
    corrected = holm(np.asarray(2 * stats.t.sf(t, df), dtype=float))
    p = np.full((len(strength), len(strength)), np.nan)
    p[first, second] = p[second, first] = corrected
    return p


def _strengths(wins: Array) -> Array:
    """Return (M,) Bradley-Terry strengths, mean 0, of a (M, M) win matrix."""
    prior = _PRIOR * (1 - np.eye(len(wins)))
    return np.asarray(choix.ilsr_pairwise_dense(wins + prior, max_iter=1000, tol=1e-8), dtype=float)

"""Ratings: the checked table that every analysis starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sr_models.data.errors import InputError

REQUIRED = ("rater", "picture", "method", "score")
STIMULUS = ["dataset", "picture", "method"]
CELL = ["rater", *STIMULUS]
BEHAVIOUR = ("seconds", "shown_at", "stored_at", "position", "visible", "device_pixel_ratio", "viewing")
"""What the flags look at, where a table has it."""


@dataclass(frozen=True)
class Scale:
    """The ends of the rating scale, both allowed."""

    low: float = 1.0
    high: float = 5.0


ACR = Scale()


@dataclass(frozen=True)
class Ratings:
    """One row a rating: `rater, dataset, picture, method, score`, with `seconds` and `shown_at` where
    known.
    """

    first: pd.DataFrame
    """The first rating of each stimulus by each rater: what MOS is computed from."""
    repeats: pd.DataFrame
    """Later ratings of a stimulus by the same rater, in order (column `repeat` counts from 1)."""
    scale: Scale
    notes: tuple[str, ...]
    """What was left out on reading, in sentences."""

    def without(self, raters: Sequence[str]) -> "Ratings":
        """Return the ratings of everybody else."""
        return Ratings(
            self.first[~self.first["rater"].isin(raters)].reset_index(drop=True),
            self.repeats[~self.repeats["rater"].isin(raters)].reset_index(drop=True),
            self.scale,
            self.notes,
        )


def check_ratings(table: pd.DataFrame, scale: Scale = ACR) -> Ratings:
    """Return the main ratings of a table as read, checked, with hidden repeats set apart.

    Wants `rater, picture, method, score`; uses `dataset`, `phase`, `presentation`, `repeat`, `seconds` and
    `shown_at` where they are there. Raises InputError when the table cannot be taken at its word.
    """
    _check_columns(table)
    notes: list[str] = []
    table = _main_phase(table, notes)
    table = _voted(table, notes)
    table = _typed(table)
    _check_scale(table, scale)
    table = _without_resent_rows(table, notes)
    first, repeats = _split_repeats(table)
    return Ratings(first, repeats, scale, tuple(notes))


def _check_columns(table: pd.DataFrame) -> None:
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise InputError(
            f"expected the columns {', '.join(REQUIRED)}; {', '.join(missing)} missing, "
            f"got {', '.join(map(str, table.columns)) or 'no column'}"
        )
    if table.empty:
        raise InputError("the ratings table has a header but no rows: nothing to analyse yet")


def _main_phase(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    if "phase" not in table.columns:
        return table
    main = table["phase"].fillna("main") != "calibration"
    if not main.all():
        notes.append(f"{int((~main).sum())} calibration ratings left out.")
    if not main.any():
        raise InputError("all ratings are of the calibration phase: no main rating to analyse yet")
    return table[main]


def _voted(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    voted = table["score"].notna() & (table["score"].astype(str).str.strip() != "")
    if not voted.any():
        raise InputError("no row has a score: nothing to analyse")
    if not voted.all():
        notes.append(f"{int((~voted).sum())} rows without a score are missing votes, left out.")
    return table[voted]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    for name in ("rater", "picture", "method"):
        if table[name].isna().any():
            raise InputError(
                f"{int(table[name].isna().sum())} rows have no {name}: fill it in or remove the rows"
            )
    score = pd.to_numeric(table["score"], errors="coerce")
    if score.isna().any():
        raise InputError(f"expected a number as score, got {table['score'][score.isna()].iloc[0]!r}")
    names = {name: table[name].astype(str) for name in ("rater", "picture", "method")}
    dataset = table["dataset"].astype(object).fillna("").astype(str) if "dataset" in table.columns else ""
    return table.assign(**names, dataset=dataset, score=score.astype(float)).reset_index(drop=True)


def _check_scale(table: pd.DataFrame, scale: Scale) -> None:
    off = table[(table["score"] < scale.low) | (table["score"] > scale.high)]
    if len(off):
        row = off.iloc[0]
        raise InputError(
            f"{len(off)} scores are off the scale {scale.low:g} to {scale.high:g}, first {row['score']:g} "
            f"by {row['rater']} for {row['method']} of {row['picture']}: correct them, or state the scale "
            "with --scale"
        )


def _without_resent_rows(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Drop rows that say the same thing twice: one presentation, or one row copied."""
    same = table.duplicated(subset=["rater", "presentation"] if "presentation" in table.columns else None)
    if "presentation" in table.columns:
        told = table.groupby(["rater", "presentation"])[["score", *STIMULUS]].nunique().max(axis=1)
        if (told > 1).any():
            rater, presentation = told.index[told > 1][0]
            raise InputError(
                f"presentation {presentation} of rater {rater} is there twice with different contents"
            )
    if same.any():
        notes.append(f"{int(same.sum())} duplicate rows dropped.")
    return table[~same]


def _split_repeats(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    columns = [*CELL, "score", *(name for name in BEHAVIOUR if name in table.columns)]
    if "repeat" in table.columns:
        table = table.sort_values("repeat", kind="stable")
    number = table.groupby(CELL, sort=False).cumcount()
    again = table[number > 0]
    if len(again) and "repeat" not in table.columns:
        row = again.iloc[0]
        raise InputError(
            f"{len(again)} stimuli are rated twice by one rater, first {row['method']} of {row['picture']} "
            f"by {row['rater']}: remove one, or mark hidden repeats in a column `repeat` (0 first, 1 again)"
        )
    repeats = again[columns].assign(repeat=number[number > 0].to_numpy())
    return table.loc[number == 0, columns].sort_index().reset_index(drop=True), repeats.reset_index(drop=True)

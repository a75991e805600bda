"""A chapter of the report: what it says, draws and lists."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.figures.style import Plot
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.report.tables import Table

NO_ROWS = pd.DataFrame()


@dataclass(frozen=True)
class Section:
    """One chapter."""

    title: str
    text: tuple[str, ...]
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    """Long tables, closed until asked for."""


def filled(tables: Sequence[Table]) -> tuple[Table, ...]:
    """Return the tables that have rows."""
    return tuple(table for table in tables if len(table.frame))


def of_crossing(table: pd.DataFrame, crossing: Crossing) -> pd.DataFrame:
    """Return the rows of one data set."""
    return table[table["dataset"] == crossing.name] if len(table) else table


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables below one another, empty ones left out."""
    with_rows = [table for table in tables if len(table)]
    return pd.concat(with_rows, ignore_index=True) if with_rows else NO_ROWS

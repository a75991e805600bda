"""Rows that somebody else published, kept in files of their own: theirs/<name>.csv beside scores.csv."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench.store.rows import Score
from bench.store.table import Table

FOLDER = "theirs"
MARK = "from-"
"""How the variant of their rows begins, so that tables name them and no mean mixes them with ours."""


def theirs_table(folder: Path, name: str) -> Table[Score]:
    """Return the rows pulled under a name, as they were published."""
    return Table(folder / FOLDER / f"{name}.csv", Score)


def theirs_files(folder: Path) -> list[Path]:
    """Return the files of everything that was pulled into a results folder."""
    return sorted((folder / FOLDER).glob("*.csv"))


def read_theirs(folder: Path) -> list[Score]:
    """Return all pulled rows, marked with where they are from; their keys are the publisher's."""
    return [
        row for path in theirs_files(folder) for row in marked(theirs_table(folder, path.stem), path.stem)
    ]


def marked(rows: Iterable[Score], name: str) -> list[Score]:
    """Return rows as tables show them: `espcn` of `lab` is `espcn@from-lab`."""
    return [
        replace(row, variant="+".join(part for part in (row.variant, f"{MARK}{name}") if part))
        for row in rows
    ]


def is_theirs(method: str) -> bool:
    """Return whether the row of a table was pulled."""
    return any(part.startswith(MARK) for part in method.partition("@")[2].split("+"))

"""Work on all ratings, in a process of its own: the raters' server never holds them.

`python -m mos_app.screens.aside TASK STUDY [TITLE]` writes its answer, pickled, for the server that asked.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mos_app
from mos_app.store.connection import Database, open_database
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from bench.figures.style import Plot
    from mos_app.analysis.report.section import Section
    from mos_app.analysis.report.tables import Table

COURTESY = 10
"""Niceness: raters' answers go first."""


@dataclass(frozen=True)
class Drawing:
    """A figure of the analysis."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Listing:
    """A table of the analysis."""

    name: str
    title: str
    caption: str
    shown: "pd.DataFrame"
    """As people read it."""
    csv: str
    """With all digits."""


@dataclass(frozen=True)
class Chapter:
    """A section of the report."""

    title: str
    text: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    listings: tuple[Listing, ...]


@dataclass(frozen=True)
class Results:
    """What the admin page shows of an analysis; ratings are not among it."""

    chapters: tuple[Chapter, ...]
    page: str
    """The report as one HTML page."""


def flags_aside(db: Database, folder: Path) -> dict[str, str]:
    """Return the flags of each rater in words, '' where there are none."""
    found: dict[str, str] = _aside(db, "flags", folder)
    return found


def results_aside(db: Database, folder: Path, title: str) -> Results:
    """Return the analysis of the study's ratings; InputError where there is nothing to analyse."""
    found: Results = _aside(db, "results", folder, title)
    return found


def results_of(ratings: "pd.DataFrame", title: str) -> Results:
    """Return the analysis of a table of ratings or choices, drawn and written out."""
    analysis = mos_app.analyse(ratings, title=title)
    return Results(tuple(_chapter(section) for section in analysis.sections), analysis.page())


def _chapter(section: "Section") -> Chapter:
    return Chapter(
        section.title,
        section.text,
        tuple(_drawing(plot) for plot in section.plots),
        tuple(_listing(table) for table in (*section.tables, *section.folded)),
    )


def _drawing(plot: "Plot") -> Drawing:
    from bench.figures.style import svg

    return Drawing(svg(plot), plot.caption)


def _listing(table: "Table") -> Listing:
    from mos_app.analysis.report.tables import to_csv

    return Listing(table.name, table.title, table.caption, table.shown(), to_csv(table))


def _flags(ratings: "pd.DataFrame") -> dict[str, str]:
    from mos_app.analysis.flags import rater_flags

    return rater_flags(ratings)


_TASKS: dict[str, Callable[..., Any]] = {"flags": _flags, "results": results_of}


def _aside(db: Database, task: str, folder: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "mos_app.screens.aside", task, str(folder), *words]
    environment = {**os.environ, "SRMOS_DATABASE": db.url}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603
    answer = pickle.loads(done.stdout)  # noqa: S301  written by ourselves
    if isinstance(answer, InputError):
        raise answer
    return answer


def main(task: str, folder: str, *words: str) -> None:
    """Write the answer of a task to the standard output."""
    from mos_app.store.exchange import ratings_frame

    answer_to, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else may come between
    os.nice(COURTESY)
    db = open_database(folder)
    try:
        answer = _TASKS[task](ratings_frame(db), *words)
    except InputError as error:
        answer = error
    finally:
        db.close()
    pickle.dump(answer, answer_to)


if __name__ == "__main__":
    from mos_app.screens import aside

    aside.main(*sys.argv[1:])  # by its name, so that what it pickles is found by that name

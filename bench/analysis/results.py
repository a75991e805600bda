"""A results folder in memory, read once: rows, where they come from, and the tables they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.analysis.board import Board, boards
from bench.store.header import Header, read_header
from bench.store.rows import Profile, Score
from bench.store.table import read_profiles, read_scores
from bench.store.theirs import read_theirs
from sr_models.data.errors import InputError


@dataclass(frozen=True)
class Results:
    """What a results folder holds."""

    folder: Path
    header: Header
    scores: Sequence[Score]
    profiles: Sequence[Profile]

    @cached_property
    def boards(self) -> list[Board]:
        """The tables, named after the last run that computed anything: looking again changes no table."""
        made = boards(
            self.scores,
            self.header.label(),
            self.profiles,
            stated=self.header.metrics,
            counts={name: facts.count for name, facts in self.header.datasets.items()},
        )
        if not made and self.scores:
            names = ", ".join(sorted({score.metric for score in self.scores}))
            raise InputError(f"{self.folder} only has scores of metrics that are not installed here: {names}")
        return made


def read_results(folder: Path) -> Results:
    """Return what a finished or interrupted run left, and what was pulled beside it.

    Raises InputError where there are no scores.
    """
    scores = [*read_scores(folder), *read_theirs(folder)]
    return Results(folder, read_header(folder), scores, read_profiles(folder))

"""Every figure that a run's scores allow."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.canvas import Plot, save
from bench.columns import Column, columns
from bench.compare import Comparison, compare_columns
from bench.figures.correlation import correlations
from bench.figures.cost import costs
from bench.figures.differences import picture_differences
from bench.figures.plane import axes_of, plane
from bench.profile import Profile
from bench.store import Score
from bench.summary import Board, boards


def write_figures(scores: Sequence[Score], profiles: Sequence[Profile], folder: Path) -> list[Path]:
    """Write the figures of every table and dataset as PNG, SVG and PDF, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = columns(scores)
    return [
        path
        for board in boards(scores, "", profiles)
        for dataset in board.datasets
        for plot in _plots(board, dataset, [c for c in found if (c.stem, c.dataset) == (board.stem, dataset)])
        for path in save(plot, folder)
    ]


def write_differences(comparisons: Sequence[Comparison], folder: Path, stem: str) -> list[Path]:
    """Write the pictures of each comparison as bars, named after the pair, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = [picture_differences(comparison) for comparison in comparisons]
    return [
        path
        for plot in plots
        if plot is not None
        for path in save(replace(plot, name=plot.name.replace("differences", stem, 1)), folder)
    ]


def _plots(board: Board, dataset: str, found: list[Column]) -> Iterator[Plot]:
    metrics = axes_of(board)
    drawn = [plane(board, dataset, *metrics)] if metrics else []
    first = next((column for column in found if column.metric == "psnr"), found[0])
    drawn += [*costs(board, dataset, first.metric), _best_two(board, first), correlations(found)]
    yield from (plot for plot in drawn if plot is not None)


def _best_two(board: Board, column: Column) -> Plot | None:
    """The best model by a metric against the second best."""
    at = (column.dataset, column.metric)
    places = {board.place(model, *at): model for model in column.values}
    if not {1, 2} <= places.keys():
        return None
    return picture_differences(compare_columns([column], [(places[1], places[2])])[0])

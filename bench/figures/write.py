"""Every figure that a run's scores allow."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.analysis.board import Board
from bench.analysis.columns import Column
from bench.analysis.compare import Comparison, compare_columns
from bench.figures.correlation import correlations
from bench.figures.cost import costs
from bench.figures.differences import picture_differences
from bench.figures.means import write_means
from bench.figures.plane import axes_of, plane
from bench.figures.style import Plot, save


def write_figures(boards: Sequence[Board], folder: Path) -> list[Path]:
    """Write the means of each table as PNG and SVG, every dataset's other figures as PNG, SVG and PDF.

    Return the files. The other figures are drawn under the first protocol that allows them, because the rest
    would show nearly the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[tuple[object, ...], list[Plot]] = {}
    for board in boards:
        for dataset in board.datasets:
            own = [column for column in board.columns if column.dataset == dataset]
            for kind, draw in enumerate((_plane, _costs, _best_two, _agreement)):
                key = (board.scale, board.lr, board.part, dataset, kind)
                if not plots.get(key):
                    plots[key] = draw(board, dataset, own)
    written = write_means(boards, folder)
    return written + [path for kind in plots.values() for plot in kind for path in save(plot, folder)]


def _plane(board: Board, dataset: str, _: list[Column]) -> list[Plot]:
    metrics = axes_of(board)
    plot = plane(board, dataset, *metrics) if metrics else None
    return [plot] if plot else []


def _costs(board: Board, dataset: str, own: list[Column]) -> list[Plot]:
    return costs(board, dataset, _first(own).metric)


def _best_two(board: Board, dataset: str, own: list[Column]) -> list[Plot]:
    """The best model against the second best."""
    column = _first(own)
    places = {board.cell(model, dataset, column.metric).place: model for model in column.values}
    if not {1, 2} <= places.keys():
        return []
    (comparison,) = compare_columns([column], [(places[1], places[2])])
    plot = picture_differences(comparison)
    return [plot] if plot else []


def _agreement(_: Board, __: str, own: list[Column]) -> list[Plot]:
    plot = correlations(own)
    return [plot] if plot else []


def _first(own: list[Column]) -> Column:
    return next((column for column in own if column.metric == "psnr"), own[0])


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

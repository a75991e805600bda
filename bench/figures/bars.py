"""Figures of a run: every picture is a point, the bar is their mean."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.analysis.board import Board, boards
from bench.metric import METRICS
from bench.palette import colour_of, label_of
from bench.store.table import Score

_ABREAST = 3  # more metrics go below
_Values = npt.NDArray[np.float64]


def write_plots(scores: Sequence[Score], folder: Path) -> list[Path]:
    """Write one figure for each dataset of each table, as PNG and SVG, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for board in boards(scores, run=""):
        for dataset in board.datasets:
            figure = _figure(board, dataset, scores)
            stem = folder / f"{board.stem}_{dataset}"
            for suffix, canvas in ((".png", FigureCanvasAgg), (".svg", FigureCanvasSVG)):
                canvas(figure)
                metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
                figure.savefig(f"{stem}{suffix}", dpi=160, metadata=metadata)
                written.append(Path(f"{stem}{suffix}"))
    return written


def _figure(board: Board, dataset: str, scores: Sequence[Score]) -> Figure:
    n_metrics = len(board.metrics)
    models = [
        model for model in board.models if any((model, dataset, m) in board.cells for m in board.metrics)
    ]
    columns, rows = min(n_metrics, _ABREAST), math.ceil(n_metrics / _ABREAST)
    size = 4.2 * columns + 1.2, 0.3 + rows * (0.6 + 0.34 * len(models))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for empty in axes[n_metrics:]:
        empty.set_axis_off()
    for axis, metric in zip(axes, board.metrics, strict=False):
        for row, model in enumerate(models):
            _bar(axis, row, board, (model, dataset, metric), _values(scores, board, (model, dataset, metric)))
        _frame(axis, metric)
    axes[0].set_yticks(range(len(models)), [label_of(model) for model in models])
    axes[0].invert_yaxis()
    figure.suptitle(f"{dataset} x{board.scale}, protocol {board.protocol}", fontsize=10)
    return figure


def _bar(axis: Axes, row: int, board: Board, where: tuple[str, str, str], values: _Values) -> None:
    """One model's row: the mean as a bar with its printed value, every picture as a point."""
    across = axis.get_yaxis_transform()  # x in fractions of the axis, y in rows
    axis.text(1.02, row, board.text(*where), transform=across, va="center", fontsize=9)
    if not len(values):
        return
    colour, mean = colour_of(where[0]), values.mean()
    axis.barh(row, mean, height=0.62, color=colour, alpha=0.35)
    axis.plot([mean, mean], [row - 0.31, row + 0.31], color=colour, linewidth=2)
    spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
    axis.scatter(values, row + spread, s=9, color=colour, linewidths=0, zorder=2)


def _frame(axis: Axes, metric: str) -> None:
    """Bars need not begin at zero here: the points carry the picture, so the axis spans the points."""
    shown = [x for points in axis.collections for x in np.asarray(points.get_offsets())[:, 0].tolist()]
    if shown:
        margin = 0.06 * (max(shown) - min(shown) or 1)
        axis.set_xlim(min(shown) - margin, 1.0 if metric == "ssim" else max(shown) + margin)
    axis.set_xlabel(METRICS[metric].heading, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _values(scores: Sequence[Score], board: Board, where: tuple[str, str, str]) -> _Values:
    """Finite values of one column, in the order of the pictures."""
    group = (board.scale, board.lr, board.protocol)
    found = [
        score.value
        for score in scores
        if (score.model, score.dataset, score.metric) == where
        and (score.scale, score.lr, score.protocol) == group
        and np.isfinite(score.value)
    ]
    return np.array(found, np.float64)

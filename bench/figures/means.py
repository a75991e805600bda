"""Figures of a run: the mean of each model with its 95 % interval, and every picture as a point."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.analysis.board import Board, Cell
from bench.analysis.columns import Column
from bench.metric import METRICS
from bench.palette import colour_of

_ABREAST = 3  # more metrics go below
_Values = npt.NDArray[np.float64]


def write_means(boards: Sequence[Board], folder: Path) -> list[Path]:
    """Write one figure for each dataset of each table, as PNG and SVG, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for board in boards:
        for dataset in board.datasets:
            figure = _figure(board, dataset)
            stem = folder / f"{board.stem}_{dataset}"
            for suffix, canvas in ((".png", FigureCanvasAgg), (".svg", FigureCanvasSVG)):
                canvas(figure)
                metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
                with mpl.rc_context({"svg.hashsalt": "srmos"}):  # or every SVG differs from the last one
                    figure.savefig(f"{stem}{suffix}", dpi=160, metadata=metadata)
                written.append(Path(f"{stem}{suffix}"))
    return written


def _figure(board: Board, dataset: str) -> Figure:
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
            values = _values(board.column(dataset, metric), model)
            _mean(axis, row, model, board.cell(model, dataset, metric), values)
        _frame(axis, metric)
    axes[0].set_yticks(range(len(models)), models)
    axes[0].invert_yaxis()
    figure.suptitle(f"{dataset} x{board.scale}, protocol {board.protocol}", fontsize=10)
    return figure


def _mean(axis: Axes, row: int, model: str, cell: Cell, values: _Values) -> None:
    """One model's row: the mean with its printed value and 95 % interval, every picture as a point."""
    across = axis.get_yaxis_transform()  # x in fractions of the axis, y in rows
    axis.text(1.02, row, cell.text, transform=across, va="center", fontsize=9)
    if not len(values):
        return
    colour = colour_of(model)
    spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
    axis.scatter(values, row + spread, s=9, color=colour, alpha=0.4, linewidths=0, zorder=1)
    if cell.low is not None and cell.high is not None:
        axis.plot([cell.low, cell.high], [row, row], color=colour, linewidth=2, zorder=2)
    axis.plot([values.mean()], [row], "D", color=colour, markersize=6, markeredgecolor="white", zorder=3)


def _frame(axis: Axes, metric: str) -> None:
    """The axis spans points and intervals: nothing on it has a length that would need a zero."""
    shown = [x for points in axis.collections for x in np.asarray(points.get_offsets())[:, 0].tolist()]
    shown += [x for line in axis.lines for x in np.asarray(line.get_xdata()).tolist()]
    if shown:
        margin = 0.06 * (max(shown) - min(shown) or 1)
        axis.set_xlim(min(shown) - margin, 1.0 if metric == "ssim" else max(shown) + margin)
    axis.set_xlabel(f"{METRICS[metric].heading}: mean, 95 % interval over pictures", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _values(column: Column | None, model: str) -> _Values:
    """Finite values of one model, in the order of the pictures."""
    of_model = {} if column is None else column.values.get(model, {})
    return np.array(
        [of_model[image] for image in sorted(of_model) if np.isfinite(of_model[image])], np.float64
    )

"""Figures of a run: every picture is a point, the bar is their mean."""

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
from bench.palette import colour_of, label_of

_ABREAST = 3  # more metrics go below
_Values = npt.NDArray[np.float64]


def write_bars(boards: Sequence[Board], folder: Path) -> list[Path]:
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
            _bar(axis, row, model, board.cell(model, dataset, metric), values)
        _frame(axis, metric)
    axes[0].set_yticks(range(len(models)), [label_of(model) for model in models])
    axes[0].invert_yaxis()
    figure.suptitle(f"{dataset} x{board.scale}, protocol {board.protocol}", fontsize=10)
    return figure


def _bar(axis: Axes, row: int, model: str, cell: Cell, values: _Values) -> None:
    """One model's row: the mean as a bar with its printed value, every picture as a point."""
    across = axis.get_yaxis_transform()  # x in fractions of the axis, y in rows
    axis.text(1.02, row, cell.text, transform=across, va="center", fontsize=9)
    if not len(values):
        return
    colour, mean = colour_of(model), values.mean()
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


def _values(column: Column | None, model: str) -> _Values:
    """Finite values of one model, in the order of the pictures."""
    of_model = {} if column is None else column.values.get(model, {})
    return np.array(
        [of_model[image] for image in sorted(of_model) if np.isfinite(of_model[image])], np.float64
    )

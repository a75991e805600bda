"""How figures look: sizes of a paper's column, one ink, and files in three formats that do not change
between runs.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_EDGE = 0.05  # inches between the sheet's edge and what stands on it
INK, FAINT = "#23272e", "#d5d9df"  # the page replaces these two by its own, light or dark
COLUMN = 3.5
"""Width of a paper's column in inches."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "srmos",
    "pdf.fonttype": 42,  # journals refuse type 3
    "savefig.dpi": 200,
}


def styled() -> AbstractContextManager[None]:
    """Return the context in which every figure is drawn and saved."""
    return mpl.rc_context(STYLE)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Plot:
    """One figure of the analysis."""

    name: str
    """File name without its ending."""
    caption: str
    figure: Figure
    wide: bool = False
    """Two columns wide on the page."""


def blank(
    height: float,
    *,
    left: float,
    bottom: float = 0.42,
    top: float = 0.25,
    right: float = 0.1,
    width: float = COLUMN,
) -> tuple[Figure, Axes]:
    """Return a figure with one set of axes; all lengths in inches, so that text never meets the edge."""
    figure = Figure(figsize=(width, height))
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    return figure, figure.add_axes(box)


def make_room(figure: Figure, axes: Axes) -> None:
    """Narrow the axes where numbers with many digits push the name of the y axis off the sheet."""
    FigureCanvasAgg(figure)
    box = axes.yaxis.get_tightbbox()
    missing = 0.0 if box is None else (_EDGE * figure.dpi - box.x0) / figure.bbox.width
    if missing > 0:
        at = axes.get_position()
        axes.set_position((at.x0 + missing, at.y0, at.width - missing, at.height))


def save(plot: Plot, folder: Path) -> list[Path]:
    """Write PNG, SVG and PDF without dates and return their paths."""
    paths = []
    with styled():
        for ending, metadata in (("png", None), ("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
            path = folder / f"{plot.name}.{ending}"
            plot.figure.savefig(path, metadata=metadata, transparent=ending != "png")
            paths.append(path)
    return paths


def svg(plot: Plot) -> str:
    """Return the figure as an SVG element without header, background transparent."""
    text = StringIO()
    with styled():
        plot.figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return text.getvalue()[text.getvalue().index("<svg") :]


def file_name(name: str) -> str:
    """Return a name that is safe in a file name."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)

"""Two models picture by picture: who is better where, and by how much."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from bench.analysis.compare import Comparison, PictureDifference
from bench.figures.style import COLUMN, INK, Plot, blank, file_name, make_room, styled
from bench.metric import METRICS
from bench.palette import colour_of, ink_of

_NAMED = 24  # more names than that do not fit below the bars


def picture_differences(comparison: Comparison) -> Plot | None:
    """Return one bar a picture, a minus b, the largest first, in the colour of the better model.

    Pictures with an infinite difference have no bar; None without any bar.
    """
    c, column = comparison, comparison.column
    shown = [picture for picture in c.pictures if math.isfinite(picture.difference)]
    if not shown or c.difference is None:
        return None
    shown.sort(key=lambda picture: -picture.difference)
    bottom = 0.1 + 0.052 * max(len(picture.name) for picture in shown) if len(shown) <= _NAMED else 0.3
    with styled():
        figure, axes = blank(2.1 + bottom, left=0.62, bottom=bottom, top=0.56, right=0.06, width=COLUMN)
        _bars(axes, shown, c)
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.axhline(c.difference, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
        axes.set_ylabel(f"difference in {METRICS[column.metric].heading}")
        where = f"{column.dataset} x{column.scale}, {column.protocol}"
        said = f"mean {METRICS[column.metric].printed_difference(c.difference)}"
        mean = axes.text(1, c.difference, said, transform=axes.get_yaxis_transform(), ha="right", va="bottom")
        mean.set_path_effects([withStroke(linewidth=2.5, foreground="white")])  # it may stand on a bar
        axes.set_title(where, loc="left", pad=26)
        for y, model, better in ((1.11, c.a, c.wins), (1.02, c.b, c.losses)):
            line = f"{model} is better on {better} of {c.n}"
            axes.text(0, y, line, color=ink_of(model), transform=axes.transAxes)
        make_room(figure, axes)
    caption = (
        f"{c.a} minus {c.b}, {METRICS[column.metric].heading} of each picture of {column.dataset} "
        f"({column.protocol}); dashed: the mean."
    )
    return Plot(file_name(f"differences_{column.stem}_{column.dataset}_{column.metric}"), caption, figure)


def _bars(axes: Axes, shown: list[PictureDifference], c: Comparison) -> None:
    heights = np.array([picture.difference for picture in shown])
    colours = [colour_of(c.a if picture.gain > 0 else c.b) for picture in shown]
    axes.bar(np.arange(len(shown)), heights, width=0.8 if len(shown) <= _NAMED else 1.0, color=colours)
    axes.set_xlim(-0.7, len(shown) - 0.3)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    if len(shown) <= _NAMED:
        names = [picture.name for picture in shown]
        axes.set_xticks(range(len(shown)), names, rotation=55, ha="right", rotation_mode="anchor", fontsize=7)
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(shown)} pictures, sorted: {shown[0].name} first, {shown[-1].name} last")

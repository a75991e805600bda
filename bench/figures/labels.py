"""Names beside points, where they cover neither each other nor other points."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.analysis.paired import Array

_GAP = 5  # points between a mark and its name
_PLACES = [  # dx, dy, horizontal and vertical alignment: the first that is free wins
    (1, 0, "left", "center"), (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"), (0, -1, "center", "top"),
    (0.7, 0.7, "left", "bottom"), (-0.7, 0.7, "right", "bottom"), (0.7, -0.7, "left", "top"),
    (-0.7, -0.7, "right", "top"),
    # Further away, where points crowd: a hair line leads there.
    (2, 2, "left", "bottom"), (-2, 2, "right", "bottom"), (2, -2, "left", "top"), (-2, -2, "right", "top"),
    (0, 3, "center", "bottom"), (0, -3, "center", "top"),
    (4, 0, "left", "center"), (-4, 0, "right", "center"),
    (3, 4, "left", "bottom"), (-3, 4, "right", "bottom"), (3, -4, "left", "top"), (-3, -4, "right", "top"),
]  # fmt: skip
_CLEAR_PX = 1.0  # around each name
_CUT = 1000  # times worse than standing on something: a name that leaves the sheet cannot be read


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    colours: Sequence[str],
    *,
    line: Array,
) -> None:
    """Write each name beside its point, off the line (n, 2); call it last, when the axes' limits stand."""
    canvas = FigureCanvasAgg(axes.get_figure(root=True))
    marks = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axes.transData.transform(points)]
    taken = list(marks)
    taken += _segments(axes.transData.transform(line))
    inside, sheet = axes.get_window_extent(), Bbox.from_bounds(0, 0, *canvas.get_width_height())
    for place in np.lexsort(np.asarray(points).T):
        tried = [_annotation(axes, points[place], names[place], colours[place], *each) for each in _PLACES]
        boxes = [extent_of(text).padded(_CLEAR_PX) for text in tried]
        others = [box for box in taken if box is not marks[place]]
        costs = [
            sum(_overlap(box, other) for other in others)
            + _outside(box, inside)
            + _CUT * _outside(box, sheet)
            for box in boxes
        ]
        best = int(np.argmin(costs))
        for text in tried[:best] + tried[best + 1 :]:
            text.remove()
        taken.append(boxes[best])


def extent_of(name: Annotation) -> Bbox:
    """Return where a name's letters stand, in pixels, without the line that leads there."""
    name.get_window_extent()  # which also moves it to its place
    return Text.get_window_extent(name)


def _annotation(
    axes: Axes, point: tuple[float, float], name: str, colour: str, dx: float, dy: float, ha: str, va: str
) -> Annotation:
    lead = {"arrowstyle": "-", "linewidth": 0.4, "color": colour, "shrinkA": 0, "shrinkB": 2}
    return axes.annotate(
        name,
        point,
        (_GAP * dx, _GAP * dy),
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=7,
        color=colour,
        annotation_clip=False,
        arrowprops=lead if max(abs(dx), abs(dy)) > 1 else None,
    )


def _segments(corners: Array) -> list[Bbox]:
    """The boxes, 3 pixels thick, of the upright and level pieces of a line."""
    return [
        Bbox.from_extents(*(np.minimum(a, b) - 1.5), *(np.maximum(a, b) + 1.5)) for a, b in pairwise(corners)
    ]


def _overlap(one: Bbox, other: Bbox) -> float:
    """Common area in square pixels."""
    common = Bbox.intersection(one, other)
    return 0.0 if common is None else float(common.width * common.height)


def _outside(box: Bbox, inside: Bbox) -> float:
    return float(box.width * box.height) - _overlap(box, inside)

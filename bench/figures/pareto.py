"""Which points no other point beats, and the region that they beat."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from bench.analysis.paired import Array
from bench.figures.style import FAINT, INK

Better = tuple[bool, bool]
"""Whether higher is better on x and on y."""


def pareto_front(points: Sequence[tuple[float, float]], higher_is_better: Better) -> list[int]:
    """Return the indices of the points that none beats, by x: as good on both axes and better on one."""
    good = _upwards(np.asarray(points, float).reshape(-1, 2), higher_is_better)
    as_good = (good[:, None] >= good).all(-1)  # (n, n): row against column
    beaten = (as_good & ~as_good.T).any(0)
    return sorted(np.flatnonzero(~beaten).tolist(), key=lambda i: points[i])


def draw_front(axes: Axes, points: Sequence[tuple[float, float]], higher_is_better: Better) -> Array:
    """Shade what the front beats, up to the axes' present limits; draw its edge and return it, (n, 2)."""
    corner = [
        low if higher else high
        for (low, high), higher in zip(
            (sorted(axes.get_xlim()), sorted(axes.get_ylim())), higher_is_better, strict=True
        )
    ]
    front = _upwards(np.array([points[i] for i in pareto_front(points, higher_is_better)]), higher_is_better)
    front = front[np.lexsort((-front[:, 1], front[:, 0]))]
    worst = _upwards(np.array([corner]), higher_is_better)[0]
    steps = [(worst[0], front[0, 1])]
    for here, after in zip(front, [*front[1:], worst], strict=True):
        steps += [(here[0], here[1]), (here[0], after[1])]
    edge = _upwards(np.array(steps), higher_is_better)
    axes.add_patch(Polygon([*edge, corner], closed=True, facecolor=FAINT, alpha=0.35, zorder=0))
    axes.plot(*edge.T, color=INK, linewidth=0.7, alpha=0.6, zorder=1)
    return edge


def _upwards(points: Array, higher_is_better: Better) -> Array:
    """Turn axes around so that higher is better; doing it twice gives the points back."""
    return points * np.where(higher_is_better, 1.0, -1.0)

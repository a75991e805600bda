"""The perception-distortion plane: what a model gives up in fidelity, and what it gains in looks."""

import math

from bench.analysis.board import Board
from bench.figures.labels import label_points
from bench.figures.pareto import draw_front
from bench.figures.style import Plot, blank, file_name, make_room, styled
from bench.metric import METRICS
from bench.palette import colour_of, ink_of

DISTORTION = ("psnr", "rmse", "ssim")
PERCEPTION = (
    "mos",
    "lpips",
    "dists",
    "dists_256",
    "lpips_vgg",
    "pieapp",
    "feature_distance",
    "niqe",
    "clip_iqa",
    "brisque",
)
"""The first one that was scored is drawn: what people compare with first."""


def axes_of(board: Board) -> tuple[str, str] | None:
    """Return the distortion and the perceptual metric of a board, or None if it lacks either."""
    x = next((name for name in DISTORTION if name in board.metrics), None)
    y = next((name for name in PERCEPTION if name in board.metrics), None)
    return (x, y) if x and y else None


def plane(board: Board, dataset: str, x: str, y: str) -> Plot | None:
    """Return the plane of two metrics with its Pareto front (Blau & Michaeli, CVPR 2018).

    None with fewer than two points. A point is a model's means over all pictures of the set; incomplete or
    infinite ones are left out.
    """
    found = {}
    for model in board.models:
        cells = [board.cell(model, dataset, metric) for metric in (x, y)]
        means = [cell.mean for cell in cells if cell.complete]
        if len(means) == 2 and all(map(math.isfinite, means)):
            found[model] = (means[0], means[1])
    if len(found) < 2:
        return None
    points, colours = list(found.values()), [colour_of(model) for model in found]
    higher_is_better = (METRICS[x].higher_is_better, METRICS[y].higher_is_better)
    with styled():
        figure, axes = blank(2.7, left=0.55, bottom=0.4, top=0.25, right=0.08)
        axes.scatter([at for at, _ in points], [at for _, at in points], 26, colours, linewidths=0, zorder=3)
        axes.margins(0.16, 0.1)
        axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim(), xlabel=direction(x), ylabel=direction(y))
        axes.set_title(f"{dataset} x{board.scale}, {board.protocol}", loc="left")
        make_room(figure, axes)
        front = draw_front(axes, points, higher_is_better)
        label_points(axes, points, list(found), [ink_of(model) for model in found], line=front)
    caption = (
        f"{METRICS[x].heading} against {METRICS[y].heading}, means over the {board.sizes[dataset]} pictures "
        f"of {dataset}. Models on the line are beaten by none on both; the shaded region is what they beat."
    )
    return Plot(file_name(f"plane_{board.stem}_{dataset}"), caption, figure)


def direction(metric: str) -> str:
    """Return the label of a metric's axis."""
    return f"{METRICS[metric].heading}, {METRICS[metric].direction}"

"""Quality against cost: what a decibel takes in milliseconds and in multiply-accumulates."""

import math
from collections.abc import Callable
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.analysis.board import Board
from bench.analysis.paired import Array
from bench.figures.labels import label_points
from bench.figures.pareto import draw_front
from bench.figures.plane import direction
from bench.figures.style import COLUMN, Plot, file_name, styled
from bench.metric import METRICS
from bench.palette import colour_of, ink_of
from bench.store.rows import Profile

_COSTS: dict[str, Callable[[Profile], float | None]] = {
    "ms a picture": lambda profile: profile.latency_ms,
    "GMACs a picture": lambda profile: profile.macs / 1e9 if profile.macs else None,
}


def costs(board: Board, dataset: str, metric: str) -> list[Plot]:
    """Return one figure for each device the models were profiled on: quality against latency and MACs.

    Models without a mean over the whole set, or without a known positive cost, are not points there.
    """
    by_setting = sorted(board.costs, key=_setting)
    plots = []
    for number, (setting, profiles) in enumerate(groupby(by_setting, key=_setting), 1):
        plot = _figure(board, dataset, metric, list(profiles), setting)
        if plot is not None:
            name = f"cost_{board.stem}_{dataset}" + (f"_{number}" if number > 1 else "")
            plots.append(Plot(file_name(name), plot.caption, plot.figure, wide=plot.wide))
    return plots


def _setting(profile: Profile) -> tuple[str, str, str, int]:
    return profile.output, profile.device, profile.dtype, profile.threads


def _figure(
    board: Board, dataset: str, metric: str, profiles: list[Profile], setting: tuple[str, str, str, int]
) -> Plot | None:
    panels = {what: _points(board, dataset, metric, profiles, of) for what, of in _COSTS.items()}
    shown = {what: points for what, points in panels.items() if len(points) > 1}
    if not shown:
        return None
    output, device, dtype, threads = setting
    with styled():
        figure = Figure(figsize=(COLUMN * len(shown), 2.7), layout="constrained")
        grid = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        edges = {
            axes: _panel(axes, points, what, METRICS[metric].higher_is_better)
            for axes, (what, points) in zip(grid, shown.items(), strict=True)
        }
        grid[0].set_ylabel(direction(metric))
        grid[0].set_title(f"{dataset} x{board.scale}, {board.protocol}", loc="left")
        figure.draw_without_rendering()  # the layout decides where names fit
        figure.set_layout_engine("none")
        for axes, points in zip(grid, shown.values(), strict=True):
            inks = [ink_of(each) for each in points]
            label_points(axes, list(points.values()), list(points), inks, line=edges[axes])
    caption = (
        f"{METRICS[metric].heading} on {dataset} against the cost of one {output} picture: {device}, "
        f"{dtype}, {threads} thread{'s' * (threads > 1)}. Models on the line are beaten by none on both."
    )
    return Plot("", caption, figure, wide=len(shown) > 1)


def _points(
    board: Board, dataset: str, metric: str, profiles: list[Profile], cost: Callable[[Profile], float | None]
) -> dict[str, tuple[float, float]]:
    points = {}
    for profile in profiles:
        cell, x = board.cell(profile.model, dataset, metric), cost(profile)
        if cell.complete and math.isfinite(cell.mean) and x:
            points[profile.model] = (x, cell.mean)
    return points


def _panel(axes: Axes, points: dict[str, tuple[float, float]], what: str, higher_is_better: bool) -> Array:
    axes.set_xscale("log")
    colours = [colour_of(model) for model in points]
    x, y = zip(*points.values(), strict=True)
    axes.scatter(x, y, 26, colours, linewidths=0, zorder=3)
    axes.margins(0.16, 0.1)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim(), xlabel=f"{what}, lower is better")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if _spans_little(axes) else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    return draw_front(axes, list(points.values()), (False, higher_is_better))


def _spans_little(axes: Axes) -> bool:
    low, high = axes.get_xlim()
    return high / low < 1000

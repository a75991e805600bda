"""Figures of methods: rating distributions, MOS, ranks, differences. Readable at the width of a paper's
column.
"""

from itertools import cycle

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from bench.figures.style import FAINT, INK, Plot, blank, file_name, styled
from bench.palette import colour_of, label_of
from mos_app.analysis.arrays import Array, rows_of
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.input.ratings import Scale
from mos_app.analysis.statistics.differences import ALPHA, RankTest

_ROW = 0.2
_LABELS = 1.12  # inches for the longest label, SRResNet-VGG22


def distributions(crossing: Crossing, scale: Scale) -> Plot:
    """Return how often each method got each score, in the method's colour, with the mean marked."""
    methods = crossing.methods
    values = np.arange(np.ceil(scale.low), np.floor(scale.high) + 1)
    with styled():
        figure, axes = blank(
            2.75, left=0.38, bottom=0.95, top=0.22, width=max(3.5, 0.26 * len(methods) + 0.5)
        )
        for column, (method, table) in enumerate(zip(methods, crossing.scores, strict=True)):
            votes = np.rint(table[~np.isnan(table)])
            shares = np.array([(votes == value).mean() for value in values])
            axes.barh(
                values, 0.92 * shares, height=0.86, left=column - 0.46 * shares, color=colour_of(method)
            )
            axes.plot(
                [column - 0.4, column + 0.4],
                [np.nanmean(table)] * 2,
                color=INK,
                lw=1.4,
                solid_capstyle="butt",
            )
        axes.set_xticks(
            range(len(methods)),
            [label_of(m) for m in methods],
            rotation=50,
            ha="right",
            rotation_mode="anchor",
        )
        axes.set_yticks(values)
        axes.set(ylim=(values[0] - 0.55, values[-1] + 0.55), xlim=(-0.6, len(methods) - 0.4), ylabel="score")
        axes.set_title(
            f"{crossing.name}: {len(crossing.pictures)} pictures, {len(crossing.raters)} raters", loc="left"
        )
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
    caption = f"Ratings on {crossing.name}: the width of a bar is the share of a score, the line the mean."
    return Plot(f"distributions-{file_name(crossing.name)}", caption, figure)


def mos_intervals(mos: pd.DataFrame, scale: Scale) -> Plot:
    """Return the MOS of each method on one data set with its 95 % interval and letters, best on top."""
    mos = mos.sort_values("mos", kind="stable").reset_index(drop=True)
    dataset = mos["dataset"].iloc[0]
    with styled():
        figure, axes = blank(0.7 + _ROW * len(mos), left=_LABELS, bottom=0.42)
        for row in rows_of(mos):
            colour = colour_of(row.method)
            axes.plot(
                [row.t_low, row.t_high],
                [row.Index] * 2,
                color=colour,
                lw=2.4,
                solid_capstyle="round",
                alpha=0.55,
            )
            axes.plot(row.mos, row.Index, "o", color=colour, ms=5)
        _method_rows(axes, mos["method"].tolist())
        axes.set(xlim=(scale.low - 0.1, scale.high + 0.1), xlabel="MOS")
        axes.xaxis.set_major_locator(MultipleLocator(1))
        axes.set_title(str(dataset), loc="left")
    caption = f"MOS on {dataset} with 95 % intervals, raters and pictures random."
    return Plot(f"mos-{file_name(dataset)}", caption, figure)


def rank_figure(ranks: pd.DataFrame) -> Plot:
    """Return the average rank of each method on every data set, 1 the best (the paper's Fig. 10)."""
    order = ranks.groupby("method")["rank"].mean().sort_values(ascending=False).index.tolist()
    sets = list(dict.fromkeys(ranks["dataset"]))
    offsets = np.linspace(0.24, -0.24, len(sets)) if len(sets) > 1 else [0.0]
    with styled():
        figure, axes = blank(0.95 + 1.25 * _ROW * len(order), left=_LABELS, bottom=0.42, top=0.48)
        for dataset, offset, marker in zip(sets, offsets, cycle("os^Dv"), strict=False):
            own = ranks[ranks["dataset"] == dataset]
            for row in rows_of(own):
                y, colour = order.index(row.method) + offset, colour_of(row.method)
                axes.plot([row.boot_low, row.boot_high], [y, y], color=colour, lw=1.6, alpha=0.55)
                axes.plot(row.rank, y, marker, color=colour, ms=4)
            axes.plot([], [], marker, color=INK, ms=4, label=dataset)
        _method_rows(axes, order)
        axes.set(xlabel="average rank (1 is best)")
        axes.legend(
            ncols=min(4, len(sets)),
            loc="lower right",
            bbox_to_anchor=(1.02, 1),
            borderaxespad=0,
            handletextpad=0,
            columnspacing=0.8,
        )
    return Plot(
        "ranks", "Average rank over raters and pictures with bootstrap intervals; ties are shared.", figure
    )


def difference_matrix(differences: pd.DataFrame, mos: pd.DataFrame) -> Plot:
    """Return row minus column in MOS; hollow cells do not differ significantly (crossed test, Holm)."""
    order = mos.sort_values("mos", ascending=False, kind="stable")["method"].tolist()
    dataset, place = mos["dataset"].iloc[0], {m: i for i, m in enumerate(order)}
    side = max(0.19, 2.28 / (len(order) - 1))
    with styled():
        figure, axes = blank(
            1.3 + side * (len(order) - 1),
            left=_LABELS,
            bottom=0.08,
            top=1.22,
            width=1.22 + side * (len(order) - 1),
        )
        darkest = max(float(differences["difference"].max()), 1.0)
        for row in rows_of(differences):
            x, y = place[row.b], place[row.a]
            _difference_cell(
                axes, max(x, y), min(x, y), row.difference, row.p_holm < ALPHA, row.difference / darkest
            )
        labels = [label_of(m) for m in order]
        axes.set(xlim=(0.5, len(order) - 0.5), ylim=(len(order) - 1.5, -0.5))
        axes.set_yticks(range(len(order) - 1), labels[:-1])
        axes.set_xticks(range(1, len(order)), labels[1:], rotation=60, ha="left", rotation_mode="anchor")
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    caption = (
        f"Differences of MOS on {dataset}, row minus column. Filled: significant by the crossed test, "
        "Holm-corrected, at .05. Hollow: the ratings do not tell the two apart."
    )
    return Plot(f"differences-{file_name(dataset)}", caption, figure)


def _difference_cell(axes: Axes, x: int, y: int, value: float, significant: bool, depth: float) -> None:
    """Draw one cell; `depth` 0 to 1 is how dark, the difference over the largest."""
    shade = mpl.colormaps["YlGnBu"](0.25 + 0.65 * depth)
    box = mpl.patches.Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, lw=0.7)
    box.set(facecolor=shade if significant else "none", edgecolor="none" if significant else FAINT)
    axes.add_patch(box)
    ink = INK if not significant else "white" if depth > 0.45 else "#10141a"
    axes.text(x, y, f"{abs(value):.1f}", ha="center", va="center", fontsize=6.5, color=ink)


def critical_difference(test: RankTest, dataset: str) -> Plot:
    """Return Demsar's diagram: methods on the axis of ranks, bars join those that Nemenyi's test cannot tell
    apart.
    """
    order = np.argsort(test.ranks, kind="stable")
    ranks, k = test.ranks[order], len(order)
    half = (k + 1) // 2
    bars = _joined(ranks, test.critical_difference)
    low = 0.55 + 0.16 * len(bars)
    with styled():
        figure, axes = blank(0.55 + 0.17 * (half + len(bars)), left=0.1, bottom=0.05, top=0.05)
        axes.set(xlim=(1 - 0.8 * (k - 1), k + 0.8 * (k - 1)), ylim=(low + 0.17 * half, -0.75))
        axes.axis("off")
        axes.plot([1, k], [0, 0], color=INK, lw=0.8)
        for tick in range(1, k + 1):
            axes.plot([tick, tick], [0, -0.07], color=INK, lw=0.8)
            if k <= 8 or tick % 2:
                axes.text(tick, -0.12, str(tick), ha="center", va="bottom")
        axes.plot([1, 1 + test.critical_difference], [-0.5, -0.5], color=INK, lw=1.6)
        axes.text(
            1 + test.critical_difference / 2,
            -0.54,
            f"CD {test.critical_difference:.2f}",
            ha="center",
            va="bottom",
        )
        for i, (a, b) in enumerate(bars):
            axes.plot(
                [ranks[a] - 0.08, ranks[b] + 0.08],
                [0.2 + 0.16 * i] * 2,
                color=INK,
                lw=2.6,
                solid_capstyle="butt",
            )
        for i, index in enumerate(order):
            _rank_label(axes, test.methods[index], ranks[i], i if i < half else k - 1 - i, i < half, low, k)
    caption = (
        f"{dataset}: average ranks over {test.pictures} pictures; a bar joins methods closer than Nemenyi's "
        f"critical difference (Friedman χ² = {test.chi_square:.1f})."
    )
    return Plot(f"critical-difference-{file_name(dataset)}", caption, figure)


def _rank_label(axes: Axes, method: str, rank: float, level: int, on_left: bool, low: float, k: int) -> None:
    y, colour = low + 0.17 * level, colour_of(method)
    edge = 1 - 0.06 * (k - 1) if on_left else k + 0.06 * (k - 1)
    axes.plot([rank, rank, edge], [0, y, y], color=colour, lw=1)
    axes.plot(rank, 0, "o", color=colour, ms=3.5)
    gap = -0.012 * (k - 1) if on_left else 0.012 * (k - 1)
    axes.text(edge + gap, y, f"{label_of(method)}", ha="right" if on_left else "left", va="center")


def _joined(ranks: Array, critical: float) -> list[tuple[int, int]]:
    """Return the longest runs of sorted ranks that span no more than the critical difference."""
    ends = [int(np.searchsorted(ranks, rank + critical, side="right")) - 1 for rank in ranks]
    runs = [(start, end) for start, end in enumerate(ends) if end > start]
    return [run for run in runs if not any(o[0] <= run[0] and run[1] <= o[1] and o != run for o in runs)]


def _method_rows(axes: Axes, methods: list[str]) -> None:
    axes.set_yticks(range(len(methods)), [label_of(m) for m in methods])
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)

"""Do the metrics agree? Spearman's correlation of every two, over all scores and within pictures."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from scipy import stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from bench.analysis.columns import Column
from bench.analysis.paired import Array
from bench.figures.style import Plot, blank, file_name, styled
from bench.metric import METRICS


def agreement(columns: Sequence[Column]) -> tuple[Array, Array, int]:
    """Return two (M, M) tables of Spearman's correlation of M metrics, and how many scores they rest on.

    A score is one model on one picture that has all M metrics. The first table is over all of them; the
    second is computed over the models within each picture and averaged over pictures (NaN with fewer than
    three models). Signs are changed so that higher is better everywhere: 1 is perfect agreement.
    """
    tables = [_higher_is_better(column) for column in columns]
    known = sorted(set.intersection(*(set(table) for table in tables)))
    values = np.array([[table[key] for key in known] for table in tables]).reshape(len(columns), -1)
    pictures = np.array([image for image, _ in known])
    within = [
        _spearman(values[:, pictures == image])
        for image in dict.fromkeys(pictures.tolist())
        if (pictures == image).sum() > 2
    ]
    return _spearman(values), _mean(within, len(columns)), len(known)


def _higher_is_better(column: Column) -> dict[tuple[str, str], float]:
    """(image, model) -> value, higher being better."""
    badness = METRICS[column.metric].badness
    return {
        (image, model): -badness(value)
        for model, values in column.values.items()
        for image, value in values.items()
    }


def _spearman(values: Array) -> Array:
    """(M, n) -> (M, M), NaN where a metric does not vary."""
    ranks = stats.rankdata(values, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.sqrt((ranks**2).sum(1))
    with np.errstate(invalid="ignore"):
        return np.asarray(ranks @ ranks.T / np.outer(length, length))


def _mean(tables: list[Array], size: int) -> Array:
    """Mean of each cell over the pictures where both metrics vary; NaN where there is none."""
    stack = np.array(tables).reshape(-1, size, size)
    known = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, stack, 0.0).sum(0) / known.sum(0))


def correlations(columns: Sequence[Column]) -> Plot | None:
    """Return the heat map of one dataset's metrics under one protocol; None with fewer than three metrics."""
    if len(columns) < 3:
        return None
    overall, within, n = agreement(columns)
    if n < 3:
        return None
    order = _alike_together(overall)
    overall, within, columns = overall[order][:, order], within[order][:, order], [columns[i] for i in order]
    size, first = len(columns), columns[0]
    names = [METRICS[column.metric].heading.partition(" (")[0] for column in columns]
    side, left = max(0.3, min(0.42, 2.6 / size)), 0.15 + 0.075 * max(map(len, names))
    with styled():
        figure, axes = blank(
            side * size + left + 0.5,
            left=left,
            bottom=0.3,
            top=left + 0.2,
            right=0.5 * left,
            width=side * size + 1.5 * left,
        )
        for row in range(size):
            for place in range(size):
                if row != place:
                    _cell(axes, place, row, float((overall if row > place else within)[row, place]))
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        axes.set_xticks(range(size), names, rotation=60, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(size), names)
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)
        figure.text(0.02, 0.98, f"{first.dataset} x{first.scale}, {first.protocol}", va="top", fontsize=8.5)
        axes.set_xlabel(f"below: {n} scores; above: within pictures", fontsize=7)
    caption = (
        f"Spearman's correlation between metrics on {first.dataset} ({first.protocol}), signs changed so "
        f"that higher is better everywhere. Below the diagonal over {n} scores (one model on one picture), "
        "where easy and "
        "hard pictures correlate by themselves; above it over models within pictures, averaged."
    )
    return Plot(file_name(f"correlation_{first.stem}_{first.dataset}"), caption, figure)


def _alike_together(overall: Array) -> list[int]:
    """Return an order of the metrics in which those that agree are neighbours."""
    distance = 1 - np.nan_to_num(overall)
    np.fill_diagonal(distance, 0.0)
    close = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return [int(place) for place in hierarchy.leaves_list(close)]


def _cell(axes: mpl.axes.Axes, x: int, y: int, value: float) -> None:
    if np.isnan(value):
        axes.text(x, y, "–", ha="center", va="center", fontsize=6.5)
        return
    box = mpl.patches.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=mpl.colormaps["RdBu"](0.5 + value / 2.2))
    axes.add_patch(box)
    ink = "white" if abs(value) > 0.7 else "#10141a"
    text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.0f}"
    axes.text(x, y, text, ha="center", va="center", fontsize=6.5, color=ink)

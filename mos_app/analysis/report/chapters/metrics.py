"""Metrics against people: how well each column of scores.csv predicts MOS."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd

from bench.figures.style import INK, Plot, blank, file_name, styled
from bench.palette import colour_of, label_of, model_order
from mos_app.analysis.arrays import rows_of
from mos_app.analysis.input.joining import join_scores
from mos_app.analysis.material import Material
from mos_app.analysis.report.drawing import QUIET
from mos_app.analysis.report.section import Section, filled
from mos_app.analysis.report.tables import Table
from mos_app.analysis.statistics.logistic import logistic
from mos_app.analysis.statistics.prediction import (
    Prediction,
    metric_differences,
    predict,
    predict_methods,
    prediction_table,
)


@dataclass(frozen=True)
class Metrics:
    """How objective metrics predict people."""

    predictions: tuple[Prediction, ...]
    table: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...]


def measure(material: Material, mos: pd.DataFrame, scores: pd.DataFrame) -> Metrics:
    """Return how each metric of `scores` (scores.csv) predicts `mos` (one row a stimulus)."""
    points, notes = join_scores(mos, scores)
    settings, ask = material.settings, material.ask
    sets = list(dict.fromkeys(points["dataset_of"]))
    groups = [(name or "all pictures", points[points["dataset_of"] == name]) for name in sets]
    if len(sets) > 1:
        groups.append(("all sets", points))
    found: list[Prediction] = []
    for name, of_set in groups:
        for metric, own in of_set.groupby("metric", sort=True):
            own = own.assign(dataset=name, metric=str(metric))
            by_picture = ask(lambda own=own: predict(own, draws=settings.draws, seed=settings.seed), None)  # type: ignore[misc]
            by_method = ask(lambda own=own: predict_methods(own), None)  # type: ignore[misc]
            found += [p for p in (by_picture, by_method) if p is not None]
    return Metrics(tuple(found), prediction_table(found), metric_differences(found), notes)


def sentence(metrics: Metrics) -> str:
    """Return the best predictor of each data set and what it is better than."""
    by_picture = metrics.table[metrics.table["level"] == "picture"] if len(metrics.table) else metrics.table
    sentences = []
    for dataset, own in by_picture.groupby("dataset", sort=False):
        best = own.iloc[own["srocc"].abs().argsort()[::-1].iloc[0]]
        ends = sorted(abs(best[f"srocc_{end}"]) for end in ("low", "high"))
        bounds = f" (95 % CI {ends[0]:.2f} to {ends[1]:.2f})" if not pd.isna(ends[0]) else ""
        sentences.append(
            f"On {dataset}, {best['metric']} orders the {best['points']} stimuli most like people do: "
            f"|SROCC| = {abs(best['srocc']):.3f}{bounds}."
        )
    return " ".join([*sentences, *metrics.notes])


def section(metrics: Metrics) -> Section:
    """Return the chapter."""
    by_picture = [p for p in metrics.predictions if p.level == "picture"]
    widest = [p for p in by_picture if p.dataset == "all sets"] or by_picture
    plots = [metric_overview(metrics.table)] if by_picture else []
    plots += [metric_scatter(p) for p in widest[:12]]
    curves = [(p.dataset, p.metric, p.level, *p.curve) for p in metrics.predictions if p.curve is not None]
    tables = [Table("metrics", "Metrics against people", _METRICS_CAPTION, metrics.table)]
    folded = [
        Table(
            "metric-differences",
            "Metrics against each other",
            "Paired bootstrap of |SROCC|.",
            metrics.differences,
        ),
        Table(
            "metric-curves",
            "Fitted curves",
            "f(x) = b2 + (b1 − b2) / (1 + exp(−(x − b3) / b4)).",
            pd.DataFrame(curves, columns=["dataset", "metric", "level", "b1", "b2", "b3", "b4"]),
        ),
    ]
    return Section(
        "Metrics against people",
        (sentence(metrics),),
        tuple(plots),
        filled(tables),
        filled(folded),
    )


_METRICS_CAPTION = (
    "PLCC and RMSE after the four-parameter logistic. 95 % intervals by a bootstrap over pictures, the "
    "curve fitted again to each draw. Methods are no sample, so their rows have no intervals."
)


def metric_overview(table: pd.DataFrame) -> Plot:
    """Return |SROCC| of every metric on every data set with its interval."""
    table = table[table["level"] == "picture"]
    metrics = table.groupby("metric")["srocc"].apply(lambda s: s.abs().mean()).sort_values().index.tolist()
    sets = list(dict.fromkeys(table["dataset"]))
    offsets = np.linspace(0.26, -0.26, len(sets)) if len(sets) > 1 else np.zeros(1)
    shades = [QUIET, "#228833", "#aa3377", INK, "#ccbb44", "#66ccee"]
    with styled():
        figure, axes = blank(0.95 + 0.3 * len(metrics), left=1.0, top=0.45)
        for i, dataset in enumerate(sets):
            own, colour = table[table["dataset"] == dataset], shades[i % len(shades)]
            for row in rows_of(own):
                y = metrics.index(row.metric) + offsets[i]
                ends = sorted((abs(row.srocc_low), abs(row.srocc_high)))
                axes.plot(ends, [y, y], color=colour, lw=1.6, alpha=0.5)
                axes.plot(abs(row.srocc), y, "o", ms=3.5, color=colour)
            axes.plot([], [], "o", ms=3.5, color=colour, label=dataset)
        axes.set_yticks(range(len(metrics)), metrics)
        axes.set(
            xlabel="|SROCC| with MOS",
            xlim=(min(0.0, axes.get_xlim()[0]), 1.0),
            ylim=(-0.6, len(metrics) - 0.4),
        )
        axes.grid(axis="x")
        axes.legend(
            ncols=4,
            loc="lower right",
            bbox_to_anchor=(1.02, 1),
            borderaxespad=0,
            handletextpad=0,
            columnspacing=0.8,
        )
    return Plot(
        "metrics",
        "How well each metric orders stimuli as people do; intervals by a bootstrap over pictures.",
        figure,
    )


def metric_scatter(found: Prediction) -> Plot:
    """Return MOS against one metric, a point a stimulus in its method's colour, with the fitted curve."""
    with styled():
        figure, axes = blank(2.9, left=0.42, top=0.5)
        for method in sorted(set(found.methods), key=model_order):
            own = np.array([m == method for m in found.methods])
            axes.plot(
                found.x[own],
                found.mos[own],
                "o",
                ms=2.4,
                mew=0,
                alpha=0.6,
                color=colour_of(method),
                label=label_of(method),
            )
        if found.curve is not None:
            x = np.linspace(found.x.min(), found.x.max(), 200)
            axes.plot(x, logistic(x, found.curve), color=INK, lw=1.4)
        v = found.values
        title = f"SROCC {v['srocc']:.3f}" + (f", PLCC {v['plcc']:.3f}" if "plcc" in v else "")
        axes.set(xlabel=found.metric, ylabel="MOS")
        axes.set_title(f"{found.dataset}: {title}", loc="left")
        axes.grid()
        _method_key(figure, axes)
    caption = f"{found.metric} against MOS on {found.dataset}, with the four-parameter logistic."
    return Plot(f"metric-{file_name(found.metric)}-{file_name(found.dataset)}", caption, figure)


def _method_key(figure: mpl.figure.Figure, axes: mpl.axes.Axes) -> None:
    """Put the key below the axes and make the figure taller by what it needs."""
    count = len(axes.get_legend_handles_labels()[1])
    extra = 0.16 * -(-count // 3) + 0.1
    width, height = figure.get_size_inches()
    box = axes.get_position()
    figure.set_size_inches(width, height + extra)
    total = height + extra
    axes.set_position((box.x0, (box.y0 * height + extra) / total, box.width, box.height * height / total))
    figure.legend(
        ncols=3,
        loc="lower center",
        handletextpad=0.1,
        columnspacing=0.9,
        markerscale=2,
        borderaxespad=0.2,
        fontsize=7,
    )

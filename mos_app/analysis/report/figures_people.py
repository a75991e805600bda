"""Figures of raters, metrics, preferences and plans."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from scipy.stats import norm

from bench.figures.style import COLUMN, FAINT, INK, Plot, blank, file_name, styled
from bench.palette import colour_of, label_of, model_order
from mos_app.analysis.arrays import Array, rows_of
from mos_app.analysis.statistics.logistic import logistic
from mos_app.analysis.statistics.planning import Plan
from mos_app.analysis.statistics.prediction import Prediction

ACCENT, QUIET = "#c2570c", "#4477aa"


def rater_figure(raters: pd.DataFrame) -> Plot:
    """Return each rater's bias and inconsistency with intervals, those named by a rule marked."""
    named = (raters["bt500_rejected"] | raters["p913_rejected"] | (raters["flags"] != "")).to_numpy()
    y = np.arange(len(raters))[::-1]
    step = max(1, len(raters) // 40)
    with styled():
        height = 0.7 + 0.13 * min(len(raters), 60)
        figure, left = blank(height, left=0.75)
        left.set_position((0.2, 0.42 / height, 0.36, 1 - 0.67 / height))
        right = figure.add_axes((0.61, 0.42 / height, 0.36, 1 - 0.67 / height))
        for axes, value, title in ((left, "ml_bias", "bias"), (right, "inconsistency", "inconsistency")):
            for rows, colour in ((~named, QUIET), (named, ACCENT)):
                axes.hlines(
                    y[rows],
                    raters[f"{value}_low"][rows],
                    raters[f"{value}_high"][rows],
                    color=colour,
                    lw=1.6,
                    alpha=0.5,
                )
                axes.plot(raters[value][rows], y[rows], "o", ms=3, color=colour)
            axes.set_xlabel(f"{title}, score steps")
            axes.grid(axis="x")
            axes.set_ylim(-0.8, len(raters) - 0.2)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.set_yticks([])
        left.axvline(0, color=INK, lw=0.6)
        left.set_yticks(y[::step], raters["rater"].iloc[::step].str.slice(0, 10), fontsize=6)
    caption = (
        "Raters by maximum likelihood (P.910 Annex E) with 95 % intervals. "
        "Orange: named by a screening rule or a flag."
    )
    return Plot("raters", caption, figure)


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


def power_curves(plan: Plan) -> Plot:
    """Return power against raters, a curve for each number of pictures."""
    counts = sorted(plan.power["pictures"].unique())
    shown = (
        counts
        if len(counts) <= 6
        else [counts[i] for i in np.linspace(0, len(counts) - 1, 6).round().astype(int)]
    )
    shades = mpl.colormaps["viridis"](np.linspace(0.1, 0.85, len(shown)))
    with styled():
        figure, axes = blank(2.7, left=0.48, right=0.75)
        for pictures, shade in zip(shown, shades, strict=True):
            own = plan.power[plan.power["pictures"] == pictures]
            axes.plot(own["raters"], own["power"], "-o", ms=2.5, lw=1.3, color=shade, label=str(pictures))
        axes.axhline(plan.wanted, color=INK, lw=0.8, ls=(0, (4, 3)))
        axes.set(xlabel="raters", ylabel="power", ylim=(0, 1.02), xscale="log")
        ticks = [t for t in (4, 6, 10, 15, 26, 50, 100) if t <= plan.power["raters"].max()]
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.set_title(f"a true difference of {plan.difference:g} in MOS", loc="left")
        axes.grid()
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1],
            labels[::-1],
            title="pictures",
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
            title_fontsize=7.5,
        )
    return Plot("power", "Power of the crossed test, by simulation.", figure)


def preference_figure(methods: tuple[str, ...], strength: Array, low: Array, high: Array) -> Plot:
    """Return Bradley-Terry strengths with intervals, the strongest on top."""
    with styled():
        figure, axes = blank(0.7 + 0.2 * len(methods), left=1.12)
        for i, (method, value, a, b) in enumerate(zip(methods, strength, low, high, strict=True)):
            y = len(methods) - 1 - i
            axes.plot([a, b], [y, y], color=colour_of(method), lw=2.4, alpha=0.55)
            axes.plot(value, y, "o", color=colour_of(method), ms=5)
        axes.set_yticks(range(len(methods)), [label_of(m) for m in reversed(methods)])
        axes.axvline(0, color=FAINT, lw=0.8)
        axes.set(xlabel="Bradley-Terry strength, log odds", ylim=(-0.6, len(methods) - 0.4))
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return Plot("preferences", "Preference strengths with 95 % intervals over raters.", figure)


def error_rate_figure(rates: dict[str, float], studies: int, nominal: float = 0.05) -> Plot:
    """Return how often each test calls two equal methods different, with the simulation's own 95 %
    interval.
    """
    names, y = list(rates), np.arange(len(rates))[::-1]
    with styled():
        figure, axes = blank(0.75 + 0.34 * len(names), left=1.62, width=1.4 * COLUMN)
        for row, name in zip(y, names, strict=True):
            rate = rates[name]
            half = norm.ppf(0.975) * (rate * (1 - rate) / studies) ** 0.5
            axes.barh(row, rate, height=0.55, color=QUIET if rate < 0.065 else ACCENT)
            axes.plot([rate - half, rate + half], [row, row], color=INK, lw=1)
            axes.text(rate + half + 0.01, row, f"{rate:.3f}", va="center")
        axes.axvline(nominal, color=INK, lw=0.8, ls=(0, (4, 3)))
        axes.set_yticks(y, names)
        axes.set(xlabel="share of null studies called significant at .05", xlim=(0, 0.75))
        axes.tick_params(axis="y", length=0)
    return Plot("error-rates", "Type-I error of three tests.", figure)

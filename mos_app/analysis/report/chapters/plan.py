"""A plan: the fewest raters for each number of pictures, and the curves behind them."""

import matplotlib as mpl
import numpy as np
import pandas as pd

from bench.figures.style import INK, Plot, blank, styled
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.tables import Table
from mos_app.analysis.statistics.planning import ALPHA, Plan


def sentence(plan: Plan) -> str:
    """Return the design with the fewest ratings that reaches the power, or that none does."""
    reached = plan.enough.dropna()
    goal = f"a true difference of {plan.difference:g} in MOS with power {plan.wanted:g}"
    if reached.empty:
        most = plan.power.iloc[int(plan.power["power"].to_numpy().argmax())]
        return (
            f"No design of this grid finds {goal}; the largest, {most['raters']:.0f} raters and "
            f"{most['pictures']:.0f} pictures, has power {most['power']:.2f}. Add pictures before raters, "
            "or look for a larger difference."
        )
    best = reached.iloc[int(reached["votes"].to_numpy().argmin())]
    return (
        f"The fewest ratings that find {goal} are {best['raters']:.0f} raters of {best['pictures']:.0f} "
        f"pictures: {best['votes']:,.0f} ratings of each method."
    )


def sections(plan: Plan) -> list[Section]:
    """Return the plan as sections of a report."""
    v = plan.variances
    assumed = (
        f"Assumed variances: method x picture {v.method_picture:g}, method x rater {v.method_rater:g}, "
        f"residual {v.residual:g}. Each pair is tested by the crossed test at {ALPHA:g}"
        + (
            f" / {plan.comparisons}, the strictest step of Holm's correction."
            if plan.comparisons > 1
            else "."
        )
    )
    tables = (
        Table("enough", "Fewest raters", "A dash: no number of raters in the grid is enough.", plan.enough),
        Table("power", "Power", "Rows are raters, columns pictures.", power_table(plan)),
    )
    return [Section("Plan", (sentence(plan), assumed), (power_curves(plan),), tables)]


def power_table(plan: Plan) -> pd.DataFrame:
    """Return power with one row a number of raters and one column a number of pictures."""
    wide = plan.power.pivot_table(index="raters", columns="pictures", values="power")
    return wide.rename(columns=str).reset_index()


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

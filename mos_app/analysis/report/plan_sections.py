"""The report of a plan: the fewest raters for each number of pictures, and the curves behind them."""

import pandas as pd

from mos_app.analysis.report import figures_people
from mos_app.analysis.report.sections import Section
from mos_app.analysis.report.tables import Table
from mos_app.analysis.statistics.planning import ALPHA, Plan


def plan_statement(plan: Plan) -> str:
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


def plan_sections(plan: Plan) -> list[Section]:
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
    return [Section("Plan", (plan_statement(plan), assumed), (figures_people.power_curves(plan),), tables)]


def power_table(plan: Plan) -> pd.DataFrame:
    """Return power with one row a number of raters and one column a number of pictures."""
    wide = plan.power.pivot_table(index="raters", columns="pictures", values="power")
    return wide.rename(columns=str).reset_index()

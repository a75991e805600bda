"""Differences between methods: tests, what the design can show, and the paper's own test beside."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.figures.style import FAINT, INK, Plot, blank, file_name, styled
from bench.palette import colour_of, label_of
from mos_app.analysis.arrays import Array, rows_of
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.material import Material
from mos_app.analysis.report.drawing import LABELS_INCH, MOST_METHODS
from mos_app.analysis.report.section import NO_ROWS, Section, filled, of_crossing, stacked
from mos_app.analysis.report.tables import Table
from mos_app.analysis.report.wording import listed
from mos_app.analysis.statistics.differences import ALPHA, RankTest, compare_methods, friedman_nemenyi
from mos_app.analysis.statistics.planning import smallest_difference, study_variances

_FEW_PICTURES = 10


@dataclass(frozen=True)
class Differences:
    """The tests of all pairs of methods, and how fine the design is."""

    table: pd.DataFrame
    """One row a pair of methods and data set."""
    rank_tests: dict[str, RankTest]
    """By data set."""
    resolution: pd.DataFrame
    """`dataset, raters, pictures, smallest` difference that the design finds four times in five."""


def measure(material: Material) -> Differences:
    """Return the tests of every data set."""
    crossings, reference, ask = material.crossings, material.settings.reference, material.ask
    tables = [ask(lambda c=c: compare_methods(c), NO_ROWS) for c in crossings]  # type: ignore[misc]
    for table, crossing in zip(tables, crossings, strict=True):
        _say_what_is_untested(table, crossing, material)
    tests = {c.name: ask(lambda c=c: friedman_nemenyi(c, unranked=reference), None) for c in crossings}  # type: ignore[misc]
    return Differences(
        stacked(tables),
        {name: test for name, test in tests.items() if test is not None},
        stacked([ask(lambda c=c: _resolution(c), NO_ROWS) for c in crossings]),  # type: ignore[misc]
    )


def _say_what_is_untested(table: pd.DataFrame, crossing: Crossing, material: Material) -> None:
    untested = int(table["p"].isna().sum()) if len(table) else 0
    if untested:
        material.say(
            f"{crossing.name}: {untested} of {len(table)} pairs of methods have no crossed test, which "
            "needs two raters and two pictures, and differences that are not all the same."
        )


def _resolution(crossing: Crossing) -> pd.DataFrame:
    variances = study_variances(crossing)
    raters, pictures = len(crossing.raters), len(crossing.pictures)
    smallest = smallest_difference(variances, raters, pictures)
    return pd.DataFrame(
        {
            "dataset": [crossing.name],
            "raters": [raters],
            "pictures": [pictures],
            "method_picture": [variances.method_picture],
            "method_rater": [variances.method_rater],
            "residual": [variances.residual],
            "smallest": [smallest],
        }
    )


def sentence(resolution: pd.DataFrame) -> str:
    """Return what each set is too small to show."""
    parts = [
        f"{row.smallest:.2f} on {row.dataset} ({row.raters} raters, {row.pictures} pictures)"
        for row in rows_of(resolution)
    ]
    text = (
        "Before correction for many tests, a true difference is found four times in five from "
        f"{listed(parts)}."
    )
    few = [row.dataset for row in rows_of(resolution) if row.pictures < _FEW_PICTURES]
    if few:
        text += (
            f" {listed(few)} {'has' if len(few) == 1 else 'have'} fewer than {_FEW_PICTURES} pictures: a "
            "difference that is not significant there says little, and no claim about pictures in general "
            "rests on it."
        )
    if (resolution["pictures"] <= 5).any():
        text += " With five pictures or fewer, a signed-rank test over pictures cannot go below p = .0625."
    return text


def wilcoxon_statement(differences: pd.DataFrame) -> str:
    """Return how many pairs the paper's test and the crossed test call different, over the single sets."""
    paper = int((differences["p_wilcoxon_ratings"] < ALPHA).sum())
    crossed = int((differences["p_holm"] < ALPHA).sum())
    return (
        "The paired two-sided Wilcoxon test over all ratings, as the SRGAN paper used it (zeros dropped, "
        f"no correction for many tests), calls {paper} of {len(differences)} pairs different at p < .05; "
        f"the crossed test with Holm's correction {crossed}. Pooling ratings counts each as a new picture "
        "and a new rater, and so finds differences that another sample of either would not show."
    )


def section(material: Material, found: Differences, mos: pd.DataFrame) -> Section:
    """Return the chapter; `mos` orders the methods of its"""
    if not len(found.table):
        return Section("Differences between methods", ())
    plots = [plot for c in material.crossings for plot in _plots(found, mos, c)]
    single = found.table[found.table["dataset"] != "all sets"]
    text = [wilcoxon_statement(single if len(single) else found.table)]
    tables = [
        Table("resolution", "What the design can show", _RESOLUTION_CAPTION, found.resolution),
        Table(
            "friedman",
            "Friedman's test",
            "Blocks are pictures; the raters are taken as fixed.",
            _friedman(found.rank_tests),
        ),
    ]
    folded = [
        Table("differences", "All differences", _DIFFERENCES_CAPTION, found.table),
        Table(
            "nemenyi", "Nemenyi's test", "Pairs of average ranks over pictures.", _nemenyi(found.rank_tests)
        ),
    ]
    return Section("Differences between methods", tuple(text), tuple(plots), filled(tables), filled(folded))


_DIFFERENCES_CAPTION = (
    "The headline is p (Holm): the crossed test, raters and pictures random, corrected over the pairs of a "
    "set. d is the difference over the standard deviation of a rating within a method; superiority is how "
    "often a was rated above b (ties half). The Wilcoxon columns are two-sided, zeros dropped, "
    "uncorrected: over all ratings as in the SRGAN paper, and over picture means."
)
_RESOLUTION_CAPTION = (
    "Variance components of a difference, per method, and the true difference found with power .8."
)


def _plots(found: Differences, mos: pd.DataFrame, crossing: Crossing) -> list[Plot]:
    mos, differences = of_crossing(mos, crossing), of_crossing(found.table, crossing)
    if not 2 <= len(mos) <= MOST_METHODS or not len(differences):
        return []
    plots = [difference_matrix(differences, mos)]
    test = found.rank_tests.get(crossing.name)
    return plots if test is None else [*plots, critical_difference(test, crossing.name)]


def _friedman(tests: dict[str, RankTest]) -> pd.DataFrame:
    rows = [
        (name, len(t.methods), t.pictures, t.chi_square, t.p, t.critical_difference)
        for name, t in tests.items()
    ]
    return pd.DataFrame(
        rows, columns=["dataset", "methods", "pictures", "chi_square", "p", "critical_difference"]
    )


def _nemenyi(tests: dict[str, RankTest]) -> pd.DataFrame:
    rows = [
        (name, a, b, t.ranks[i], t.ranks[j], t.nemenyi[i, j])
        for name, t in tests.items()
        for i, a in enumerate(t.methods)
        for j, b in enumerate(t.methods)
        if i < j
    ]
    return pd.DataFrame(rows, columns=["dataset", "a", "b", "rank_a", "rank_b", "p"])


def difference_matrix(differences: pd.DataFrame, mos: pd.DataFrame) -> Plot:
    """Return row minus column in MOS; cells without fill do not differ significantly (crossed test, Holm)."""
    order = mos.sort_values("mos", ascending=False, kind="stable")["method"].tolist()
    dataset, place = mos["dataset"].iloc[0], {m: i for i, m in enumerate(order)}
    side = max(0.19, 2.28 / (len(order) - 1))
    with styled():
        figure, axes = blank(
            1.3 + side * (len(order) - 1),
            left=LABELS_INCH,
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

"""Methods: MOS, DMOS and ranks on each data set, and which method people like best."""

from dataclasses import dataclass
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.ticker import MultipleLocator

from bench.figures.style import INK, Plot, blank, file_name, styled
from bench.palette import colour_of, label_of
from mos_app.analysis.arrays import rows_of
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.input.ratings import Scale
from mos_app.analysis.material import Material
from mos_app.analysis.report.chapters.differences import Differences
from mos_app.analysis.report.drawing import LABELS_INCH, MOST_METHODS, ROW_INCH, method_rows
from mos_app.analysis.report.section import NO_ROWS, Section, filled, of_crossing, stacked
from mos_app.analysis.report.tables import Table
from mos_app.analysis.report.wording import counted, equals_text, interval_text, listed
from mos_app.analysis.statistics.differences import ALPHA
from mos_app.analysis.statistics.letters import compact_letters
from mos_app.analysis.statistics.opinion import (
    method_dmos,
    method_mos,
)
from mos_app.analysis.statistics.ranks import average_ranks


@dataclass(frozen=True)
class Methods:
    """One row a method and data set."""

    mos: pd.DataFrame
    """With `letters`: methods that share one do not differ significantly."""
    dmos: pd.DataFrame
    ranks: pd.DataFrame


def measure(material: Material, differences: Differences) -> Methods:
    """Return the methods' scores, with letters from the tests of their differences."""
    crossings, reference, scale = material.crossings, material.settings.reference, material.ratings.scale
    ask = material.ask
    dmos = [ask(lambda c=c: method_dmos(c, reference, scale), NO_ROWS) for c in crossings]  # type: ignore[misc]
    ranks = [
        ask(lambda c=c: average_ranks(c, unranked=reference), NO_ROWS)  # type: ignore[misc]
        for c in crossings
    ]
    mos = [_with_letters(method_mos(c, scale), of_crossing(differences.table, c)) for c in crossings]
    return Methods(stacked(mos), stacked(dmos), stacked(ranks))


def _with_letters(mos: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    if not len(differences) or differences["p"].isna().any():
        return mos.assign(letters="")
    ranked = mos.sort_values("mos", ascending=False, kind="stable")["method"].tolist()
    significant = differences[differences["p_holm"] < ALPHA]
    letters = compact_letters(ranked, list(zip(significant["a"], significant["b"], strict=True)))
    return mos.assign(letters=mos["method"].map(letters))


def sentences(material: Material, found: Methods, differences: Differences) -> list[str]:
    """Return the best method of each data set and whom the ratings do not tell it from, the answer first."""
    reference = material.settings.reference
    main = main_crossing(material)
    ordered = sorted(material.crossings, key=lambda crossing: crossing is not main)
    return [_winner(c, found.mos, differences.table, reference) for c in ordered]


def main_crossing(material: Material) -> Crossing | None:
    """Return the data set that the report's first sentence speaks of: all sets, or the largest."""
    return material.crossings[-1] if material.crossings else None


def main_figure(material: Material, found: Methods) -> tuple[Plot, ...]:
    """Return the figure of the first screen, MOS with intervals; none where methods are too many."""
    main = main_crossing(material)
    if main is None or len(main.methods) > MOST_METHODS:
        return ()
    return (mos_intervals(of_crossing(found.mos, main), material.ratings.scale),)


def _winner(crossing: Crossing, mos: pd.DataFrame, differences: pd.DataFrame, reference: str) -> str:
    """Return the best method of one data set, by how much, and whom the ratings do not tell it from."""
    dataset = crossing.name
    mos = mos[mos["dataset"] == dataset]
    ranked = mos[mos["method"] != reference].sort_values("mos", ascending=False, kind="stable")
    best = ranked.iloc[0]
    rivals = _against(differences, dataset, best["method"], reference)
    shown = len(rivals) == 0 or bool((rivals["p_holm"] < ALPHA).any())
    text = "" if shown else _nothing_shown(crossing)
    text += (
        f"On {dataset}, {label_of(best['method'])} has the highest MOS, "
        f"{best['mos']:.2f}{interval_text(best)}."
    )
    if len(rivals) and shown:
        text += " " + _rival_sentence(rivals)
    original = mos[mos["method"] == reference]
    if len(original):
        row = original.iloc[0]
        text += f" The original ({label_of(reference)}) has {row['mos']:.2f}{interval_text(row)}."
    return text


def _nothing_shown(crossing: Crossing) -> str:
    size = f"{counted(len(crossing.pictures), 'picture')} and {counted(len(crossing.raters), 'rater')}"
    return f"No difference from the best method can be shown on {crossing.name} with {size}. "


def _against(differences: pd.DataFrame, dataset: str, best: str, reference: str) -> pd.DataFrame:
    """Return the rows that set `best` against the other ranked methods, nearest first."""
    if not len(differences):
        return differences
    own = (differences["dataset"] == dataset) & (differences["a"] == best) & (differences["b"] != reference)
    return differences[own].sort_values("difference", kind="stable")


def _rival_sentence(rivals: pd.DataFrame) -> str:
    close = rivals[~(rivals["p_holm"] < ALPHA)]
    if len(close):
        names = listed([label_of(name) for name in close["b"]])
        rest = f"; it is above the other {len(rivals) - len(close)}" if len(close) < len(rivals) else ""
        return f"The ratings do not tell it from {names}{rest}."
    row = rivals.iloc[0]
    return (
        f"It is {row['difference']:.2f} above the next, {label_of(row['b'])} (95 % CI {row['t_low']:.2f} to "
        f"{row['t_high']:.2f}; crossed test with raters and pictures random, df = {row['df']:.1f}, "
        f"Holm-corrected p {equals_text(row['p_holm'])}), and significantly above all others."
    )


def section(material: Material, found: Methods) -> Section:
    """Return the chapter."""
    drawn = [c for c in material.crossings if len(c.methods) <= MOST_METHODS]
    plots = [distributions(c, material.ratings.scale) for c in drawn]
    rest = [c for c in drawn if c is not main_crossing(material)]  # its figure is on the first screen
    plots += [mos_intervals(of_crossing(found.mos, c), material.ratings.scale) for c in rest]
    single = found.ranks[found.ranks["dataset"] != "all sets"] if len(found.ranks) else found.ranks
    if len(single) and single["method"].nunique() <= MOST_METHODS:
        plots.append(rank_figure(single))
    tables = [
        Table("mos", "MOS per method and set", _MOS_CAPTION, found.mos),
        Table(
            "dmos",
            "DMOS",
            "Score minus the hidden reference's, plus the top of the scale (ACR-HR).",
            found.dmos,
        ),
        Table(
            "ranks",
            "Average ranks",
            "Over raters and pictures, 1 the best; the original takes none.",
            found.ranks,
        ),
    ]
    return Section("Methods", (), tuple(plots), filled(tables))


_MOS_CAPTION = (
    "Intervals take raters and pictures as samples: by t on the crossed variance components, cut at "
    "the ends of the scale. Methods that share a letter do not differ significantly (crossed test, Holm, "
    ".05). "
    "Overlapping intervals are no test: raters and pictures are common to all methods."
)


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
        figure, axes = blank(0.7 + ROW_INCH * len(mos), left=LABELS_INCH, bottom=0.42)
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
            beside = axes.get_yaxis_transform()
            axes.text(1.0, row.Index, row.letters, transform=beside, va="center", ha="right", fontsize=7)
        method_rows(axes, mos["method"].tolist())
        beyond = 0.1 + 0.035 * (scale.high - scale.low) * mos["letters"].str.len().max()  # where they stand
        axes.set(xlim=(scale.low - 0.1, scale.high + beyond), xlabel="MOS")
        axes.xaxis.set_major_locator(MultipleLocator(1))
        axes.set_title(str(dataset), loc="left")
    caption = (
        f"MOS on {dataset} with 95 % intervals, raters and pictures random. Methods that share a letter "
        "(right) do not differ significantly."
    )
    return Plot(f"mos-{file_name(dataset)}", caption, figure)


def rank_figure(ranks: pd.DataFrame) -> Plot:
    """Return the average rank of each method on every data set, 1 the best (the paper's Fig. 10)."""
    order = ranks.groupby("method")["rank"].mean().sort_values(ascending=False).index.tolist()
    sets = list(dict.fromkeys(ranks["dataset"]))
    offsets = np.linspace(0.24, -0.24, len(sets)) if len(sets) > 1 else [0.0]
    with styled():
        figure, axes = blank(0.95 + 1.25 * ROW_INCH * len(order), left=LABELS_INCH, bottom=0.42, top=0.48)
        for dataset, offset, marker in zip(sets, offsets, cycle("os^Dv"), strict=False):
            own = ranks[ranks["dataset"] == dataset]
            for row in rows_of(own):
                y, colour = order.index(row.method) + offset, colour_of(row.method)
                axes.plot([row.t_low, row.t_high], [y, y], color=colour, lw=1.6, alpha=0.55)
                axes.plot(row.rank, y, marker, color=colour, ms=4)
            axes.plot([], [], marker, color=INK, ms=4, label=dataset)
        method_rows(axes, order)
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
        "ranks", "Average rank over raters and pictures with 95 % intervals; ties are shared.", figure
    )

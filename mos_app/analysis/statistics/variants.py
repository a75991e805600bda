"""The headline again under every rule of screening: does a conclusion hang on who was left out?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.paired import holm
from mos_app.analysis.arrays import Array
from mos_app.analysis.input.panel import Panel, crossings_of
from mos_app.analysis.statistics.crossed import crossed_mean
from mos_app.analysis.statistics.differences import ALPHA
from mos_app.analysis.statistics.likelihood import recovered_or_none
from mos_app.analysis.statistics.screening import remove_bias

ALL_RATERS = "all raters"


@dataclass(frozen=True)
class Variant:
    """One way to screen: the panel that it leaves, and whom it left out."""

    name: str
    panel: Panel
    left_out: tuple[str, ...]
    only_means: bool = False
    """The scores are estimates, not votes: they have a mean and no test."""


def screening_variants(panel: Panel, raters: pd.DataFrame) -> list[Variant]:
    """Return all raters first, then each rule; `raters` is the table of `rater_table`."""
    bt500 = tuple(raters.loc[raters["bt500_rejected"], "rater"])
    p913 = tuple(raters.loc[raters["p913_rejected"], "rater"])
    flagged = tuple(raters.loc[raters["flags"] != "", "rater"])
    unbiased = Panel(remove_bias(panel.scores), panel.stimuli, panel.raters)
    variants = [
        Variant(ALL_RATERS, panel, ()),
        Variant("without BT.500 rejections", _without(panel, bt500), bt500),
        Variant("P.913: bias removed, without rejections", _without(unbiased, p913), p913),
        Variant("without flagged raters", _without(panel, flagged), flagged),
    ]
    found = recovered_or_none(panel.scores)
    if found is not None:
        estimate = Panel(found.quality[:, None], panel.stimuli, ("P.910 E",))
        variants.append(Variant("P.910 Annex E maximum likelihood", estimate, (), only_means=True))
    return [variant for variant in variants if variant.panel.scores.size]


def _without(panel: Panel, raters: Sequence[str]) -> Panel:
    """Return the panel of the other raters, without the stimuli that only they rated."""
    scores = panel.scores[:, [rater not in raters for rater in panel.raters]]
    voted = np.asarray((~np.isnan(scores)).any(1))
    kept = tuple(rater for rater in panel.raters if rater not in raters)
    return Panel(scores[voted], panel.stimuli.loc[voted].reset_index(drop=True), kept)


def headline_mos(variants: Sequence[Variant], methods: tuple[str, ...]) -> pd.DataFrame:
    """Return `dataset, method` and one MOS column a variant."""
    columns: dict[str, dict[tuple[str, str], float]] = {}
    for variant in variants:
        for crossing in crossings_of(variant.panel, methods):
            for method, table in zip(crossing.methods, crossing.scores, strict=True):
                columns.setdefault(variant.name, {})[crossing.name, method] = float(np.nanmean(table))
    table = pd.DataFrame(columns)
    table.index = table.index.set_names(["dataset", "method"])
    return table.reset_index()


def headline_decisions(variants: Sequence[Variant], methods: tuple[str, ...]) -> pd.DataFrame:
    """Return one row a variant and data set: significant pairs, and those decided unlike with all raters."""
    reference: dict[str, dict[tuple[str, str], int]] = {}
    rows = []
    for variant in variants:
        if variant.only_means:
            continue
        for crossing in crossings_of(variant.panel, methods):
            decided = _decisions(crossing.methods, crossing.scores)
            base = reference.setdefault(crossing.name, decided)
            changed = [f"{a} / {b}" for (a, b), sign in decided.items() if base.get((a, b), 0) != sign]
            found = sum(sign != 0 for sign in decided.values())
            left_out = ", ".join(variant.left_out) or "nobody"
            rows.append(
                (variant.name, left_out, crossing.name, len(decided), found, "; ".join(changed) or "none")
            )
    return pd.DataFrame(rows, columns=["screening", "left_out", "dataset", "pairs", "significant", "changed"])


def _decisions(methods: tuple[str, ...], scores: Array) -> dict[tuple[str, str], int]:
    """Return -1, 0 or 1 for each pair of methods: the sign of a significant difference."""
    first, second = np.triu_indices(len(methods), 1)
    if not len(first):
        return {}
    tested = crossed_mean(scores[first] - scores[second])
    significant = np.nan_to_num(holm(tested.p), nan=1.0) < ALPHA
    signs = np.where(significant, np.sign(tested.mean), 0).astype(int)
    return {(methods[a], methods[b]): int(s) for a, b, s in zip(first, second, signs, strict=True)}

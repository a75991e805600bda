"""Ratings as arrays: stimuli x raters for rater questions, methods x raters x pictures for method
questions.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_app.analysis.arrays import Array
from mos_app.analysis.input.ratings import STIMULUS, Ratings


@dataclass(frozen=True)
class Panel:
    """All first ratings. S stimuli, R raters."""

    scores: Array
    """(S, R), NaN where a vote is missing."""
    stimuli: pd.DataFrame
    """`dataset, picture, method` of the S rows."""
    raters: tuple[str, ...]


@dataclass(frozen=True)
class Crossing:
    """The ratings of one data set, or of several. M methods, R raters, P pictures."""

    name: str
    scores: Array
    """(M, R, P), NaN where a vote is missing."""
    methods: tuple[str, ...]
    raters: tuple[str, ...]
    pictures: tuple[str, ...]

    def of(self, methods: tuple[str, ...]) -> "Crossing":
        """Return the crossing of these methods only."""
        keep = [self.methods.index(method) for method in methods]
        return Crossing(self.name, self.scores[keep], methods, self.raters, self.pictures)


def panel_of(ratings: Ratings) -> Panel:
    """Return the stimuli x raters panel, stimuli in the order of their first rating, raters sorted."""
    first = ratings.first
    raters = tuple(sorted(first["rater"].unique(), key=_natural))
    row, stimuli = pd.factorize(pd.MultiIndex.from_frame(first[STIMULUS]))
    column = first["rater"].map({rater: index for index, rater in enumerate(raters)}).to_numpy()
    scores = np.full((len(stimuli), len(raters)), np.nan)
    scores[row, column] = first["score"].to_numpy()
    return Panel(scores, pd.DataFrame(list(stimuli), columns=STIMULUS), raters)


def crossings_of(panel: Panel, method_order: tuple[str, ...]) -> list[Crossing]:
    """Return one crossing a data set, the smallest first, then one of all sets where they share two methods.

    A method of the joint crossing must be in every set, or it would be compared on other pictures.
    """
    sizes = panel.stimuli.groupby("dataset")["picture"].nunique()
    datasets = sorted(sizes.index, key=lambda name: (sizes[name], name))
    every = [_crossing(panel, name, [name], method_order) for name in datasets]
    if len(datasets) > 1:
        shared = [m for m in method_order if all(m in crossing.methods for crossing in every)]
        if len(shared) > 1:
            every.append(_crossing(panel, "all sets", datasets, tuple(shared)))
    return every


def _crossing(panel: Panel, name: str, datasets: list[str], method_order: tuple[str, ...]) -> Crossing:
    chosen = panel.stimuli["dataset"].isin(datasets) & panel.stimuli["method"].isin(method_order)
    stimuli, scores = panel.stimuli[chosen], panel.scores[chosen.to_numpy()]
    present = set(stimuli["method"])
    methods = tuple(m for m in method_order if m in present)
    labels = stimuli["picture"] if len(datasets) == 1 else stimuli["dataset"] + "/" + stimuli["picture"]
    picture, pictures = pd.factorize(labels)
    method = stimuli["method"].map({name: index for index, name in enumerate(methods)}).to_numpy()
    cube = np.full((len(methods), len(panel.raters), len(pictures)), np.nan)
    cube[method, :, picture] = scores
    return Crossing(name or "all pictures", cube, methods, panel.raters, tuple(pictures))


def _natural(name: str) -> tuple[bool, float, str]:
    """Sort r2 before r10."""
    digits = "".join(c for c in name if c.isdigit())
    return (not digits, float(digits or 0), name)

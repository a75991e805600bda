"""How many raters and pictures a difference needs: power of the crossed test, by simulation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.panel import Crossing
from mos_app.analysis.statistics.components import two_way_components
from mos_app.analysis.statistics.simulation import StudyVariances

ALPHA = 0.05
RATERS = (4, 6, 8, 10, 12, 15, 18, 22, 26, 30, 36, 42, 50, 60, 80, 100)
PICTURES = (5, 10, 14, 20, 30, 50, 75, 100, 150, 200)


@dataclass(frozen=True)
class Plan:
    """The power of each design, and the cheapest designs that reach the wanted power."""

    power: pd.DataFrame
    """`raters, pictures, votes, power`; votes are of one method."""
    enough: pd.DataFrame
    """For each number of pictures, the fewest raters that reach the power; None where none in the grid
    does.
    """
    difference: float
    wanted: float
    variances: StudyVariances
    comparisons: int


def plan_study(
    difference: float,
    wanted: float,
    variances: StudyVariances,
    *,
    comparisons: int = 1,
    draws: int = 20_000,
    seed: int = 0,
    raters: Sequence[int] = RATERS,
    pictures: Sequence[int] = PICTURES,
) -> Plan:
    """Return the plan for telling two methods apart whose true MOS differ by `difference`.

    `comparisons` is how many pairs are tested together: each is tested at .05 / comparisons, the first and
    strictest step of Holm.
    """
    rows = [
        (
            r,
            p,
            r * p,
            crossed_power(difference, variances, r, p, alpha=ALPHA / comparisons, draws=draws, seed=seed),
        )
        for p in pictures
        for r in raters
    ]
    power = pd.DataFrame(rows, columns=["raters", "pictures", "votes", "power"])
    enough = [(p, _fewest(own, wanted)) for p, own in power.groupby("pictures")]
    table = pd.DataFrame(enough, columns=["pictures", "raters"])
    return Plan(
        power,
        table.assign(votes=table["raters"] * table["pictures"]),
        difference,
        wanted,
        variances,
        comparisons,
    )


def _fewest(power: pd.DataFrame, wanted: float) -> float:
    reached = power.loc[power["power"] >= wanted, "raters"]
    return float(reached.min()) if len(reached) else float("nan")


def crossed_power(
    difference: float,
    variances: StudyVariances,
    raters: int,
    pictures: int,
    *,
    alpha: float,
    draws: int,
    seed: int,
) -> float:
    """Return the share of simulated studies in which the crossed test finds `difference`.

    The mean and the three mean squares that the test is made of are drawn from their own distributions
    (normal, chi-square), which is the simulation of all ratings without drawing each of them.
    """
    rng = np.random.default_rng(seed)
    r, p = raters, pictures
    residual = 2 * variances.residual
    expected = (
        residual + p * 2 * variances.method_rater,
        residual + r * 2 * variances.method_picture,
        residual,
    )
    dfs = (r - 1, p - 1, (r - 1) * (p - 1))
    mean = rng.normal(difference, ((expected[0] + expected[1] - expected[2]) / (r * p)) ** 0.5, draws)
    squares = [value * rng.chisquare(df, draws) / df for value, df in zip(expected, dfs, strict=True)]
    rater, picture = np.maximum(squares[0], squares[2]), np.maximum(squares[1], squares[2])
    total = rater + picture - squares[2]
    df = total**2 / (rater**2 / dfs[0] + picture**2 / dfs[1] + squares[2] ** 2 / dfs[2])
    quantile = stats.t.isf(alpha / 2, df)
    return float((np.abs(mean) > quantile * np.sqrt(total / (r * p))).mean())


def study_variances(crossing: Crossing) -> StudyVariances:
    """Return the components of a study, averaged over all pairs of methods, negative ones as 0.

    Over complete data these are the interaction components of the three-way ANOVA.
    """
    pairs = list(combinations(range(len(crossing.methods)), 2))
    if not pairs:
        raise CannotSayError(f"variance components need two methods rated on {crossing.name}.")
    parts = two_way_components(np.stack([crossing.scores[a] - crossing.scores[b] for a, b in pairs]))
    halves = [_mean_half(values) for values in (parts.second, parts.first, parts.residual)]
    if np.isnan(halves).any():
        raise CannotSayError("variance components need two raters who rated two methods on two pictures.")
    return StudyVariances(method_picture=halves[0], method_rater=halves[1], residual=halves[2])


def _mean_half(values: Array) -> float:
    known = values[~np.isnan(values)]
    return max(float(known.mean()) / 2, 0.0) if len(known) else float("nan")


def smallest_difference(
    variances: StudyVariances, raters: int, pictures: int, *, comparisons: int = 1
) -> float:
    """Return the difference that a study of this size finds four times in five (power .8), by expected
    values.
    """
    if raters < 2 or pictures < 2:
        raise CannotSayError(
            "a single rater or a single picture shows no difference between methods at large."
        )
    v, n = variances, raters * pictures
    from_raters = 2 * (v.method_rater / raters + v.residual / n)
    from_pictures = 2 * (v.method_picture / pictures + v.residual / n)
    from_residual = 2 * v.residual / n
    total = from_raters + from_pictures - from_residual
    if total == 0:
        return 0.0
    parts = from_raters**2 / (raters - 1) + from_pictures**2 / (pictures - 1)
    df = total**2 / (parts + from_residual**2 / ((raters - 1) * (pictures - 1)))
    return float((stats.t.isf(ALPHA / comparisons / 2, df) + stats.t.ppf(0.8, df)) * total**0.5)

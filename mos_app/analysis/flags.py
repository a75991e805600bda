"""Raters one by one: every rule of screening, what it measured, and whom it names."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_app.analysis.arrays import Array
from mos_app.analysis.input.panel import Panel
from mos_app.analysis.input.ratings import Ratings
from mos_app.analysis.statistics.likelihood import Recovered, recovered_or_none
from mos_app.analysis.statistics.opinion import mean_and_deviation
from mos_app.analysis.statistics.screening import bt500_rejection, rater_bias, remove_bias


@dataclass(frozen=True)
class FlagRules:
    """Limits beyond which a rater's behaviour is flagged. Flags are to be looked at; they exclude nobody."""

    one_score_share: float = 0.9
    """Straight-lining: share of the rater's most frequent score."""
    same_score_run: int = 25
    """Straight-lining: longest run of one score in the order shown."""
    median_seconds: float = 0.5
    """Speed: a median below this leaves no time to look."""
    agreement: float = 0.5
    """Correlation with the mean of the other raters."""


RULES = FlagRules()


def rater_table(ratings: Ratings, panel: Panel, rules: FlagRules = RULES) -> pd.DataFrame:
    """Return one row a rater: votes, bias, inconsistency with intervals, each rule's measure and verdict."""
    bt500, p913 = bt500_rejection(panel.scores), bt500_rejection(remove_bias(panel.scores))
    table = pd.DataFrame(
        {
            "rater": panel.raters,
            "votes": (~np.isnan(panel.scores)).sum(0),
            "mean": np.nanmean(panel.scores, axis=0),
            "sd": mean_and_deviation(panel.scores.T)[1],
            "bias": rater_bias(panel.scores),
        }
    )
    table = _with_recovered(table, recovered_or_none(panel.scores))
    table = table.assign(
        correlation=_correlation_with_others(panel.scores),
        bt500_outlying=bt500.outlying,
        bt500_one_sidedness=bt500.one_sidedness,
        bt500_rejected=bt500.rejected,
        p913_outlying=p913.outlying,
        p913_one_sidedness=p913.one_sidedness,
        p913_rejected=p913.rejected,
    )
    table = table.merge(_behaviour(ratings), on="rater", how="left")
    return table.assign(flags=[_flags(row, rules) for _, row in table.iterrows()])


def _with_recovered(table: pd.DataFrame, found: Recovered | None) -> pd.DataFrame:
    if found is None:
        return table
    return table.assign(
        ml_bias=found.bias,
        ml_bias_low=found.bias - found.bias_half_width,
        ml_bias_high=found.bias + found.bias_half_width,
        inconsistency=found.inconsistency,
        inconsistency_low=found.inconsistency_low,
        inconsistency_high=found.inconsistency_high,
    )


def _correlation_with_others(scores: Array) -> Array:
    """Return (R,) Pearson's r of a rater with the mean of the others; NaN where either does not vary."""
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.0)
    others_votes = seen.sum(1, keepdims=True) - seen
    others = (filled.sum(1, keepdims=True) - filled) / np.maximum(others_votes, 1)
    usable = seen & (others_votes > 0)
    return np.array([_pearson(scores[u, r], others[u, r]) for r, u in enumerate(usable.T)])


def _pearson(a: Array, b: Array) -> float:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _behaviour(ratings: Ratings) -> pd.DataFrame:
    """Return share of the most frequent score, longest run of one score, median seconds, where known."""
    first = ratings.first
    by_rater = first.groupby("rater")["score"]
    table = pd.DataFrame({"one_score_share": by_rater.agg(lambda s: s.value_counts(normalize=True).iloc[0])})
    if "shown_at" in first.columns:
        shown = first.sort_values("shown_at", kind="stable")
        table["same_score_run"] = shown.groupby("rater")["score"].agg(_longest_run)
    if "seconds" in first.columns and first["seconds"].notna().any():
        table["median_seconds"] = first.groupby("rater")["seconds"].median()
    return table.reset_index()


def _longest_run(scores: pd.Series) -> int:
    breaks = np.flatnonzero(np.diff(scores.to_numpy(float))) + 1
    return int(np.diff(np.concatenate([[0], breaks, [len(scores)]])).max())


def _flags(row: pd.Series, rules: FlagRules) -> str:
    """Return the behaviours of one rater that are beyond a limit, in words."""
    found = []
    if row["one_score_share"] > rules.one_score_share:
        found.append(f"one score in {row['one_score_share']:.0%} of votes")
    if row.get("same_score_run", 0) >= rules.same_score_run:
        found.append(f"{row['same_score_run']:.0f} times the same score in a row")
    if row.get("median_seconds", np.inf) < rules.median_seconds:
        found.append(f"median {row['median_seconds']:.2f} s a rating")
    if row["correlation"] < rules.agreement:
        found.append(f"correlation {row['correlation']:.2f} with the others")
    return "; ".join(found)


def exclusions(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a rater and rule that names him or her: `rater, rule, because`."""
    rows = []
    for row in table.to_dict("records"):
        for key, rule in (("bt500", "BT.500"), ("p913", "P.913 bias removal, then BT.500")):
            if row[f"{key}_rejected"]:
                outlying, sided = row[f"{key}_outlying"], row[f"{key}_one_sidedness"]
                because = (
                    f"{outlying:.1%} of votes outlying (limit 5 %), one-sidedness {sided:.2f} (under 0.30)"
                )
                rows.append((row["rater"], rule, because))
        if row["flags"]:
            rows.append((row["rater"], "behaviour", row["flags"]))
    return pd.DataFrame(rows, columns=["rater", "rule", "because"])

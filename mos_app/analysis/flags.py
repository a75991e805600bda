"""The rule book of rater flags, and whom the standards' screening rules name.

A flag is a reason to look at somebody's ratings. No flag leaves anybody out by itself. The admin page,
`mos status` and the report all take their flags from here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_app.analysis.arrays import Array
from mos_app.analysis.input.panel import Panel, panel_of
from mos_app.analysis.input.ratings import CELL, Ratings, Scale, check_ratings
from mos_app.analysis.statistics.likelihood import Recovered, recovered_or_none
from mos_app.analysis.statistics.opinion import mean_and_deviation
from mos_app.analysis.statistics.pairs import is_pairs
from mos_app.analysis.statistics.screening import bt500_rejection, rater_bias, remove_bias
from sr_models.data.errors import InputError


@dataclass(frozen=True)
class FlagRules:
    """The limits beyond which a rater is flagged."""

    one_score_share: float = 0.9
    """Straight-lining: share of the rater's most frequent score."""
    same_score_run: int = 25
    """Straight-lining: longest run of one score in the order shown. Where three of five pictures deserve the
    same score, chance gives a run of 15 to one rater in five of the SRGAN study, one of 25 to one in 800."""
    fast_seconds: float = 0.7
    """Speed: an answer given sooner leaves no time to look ..."""
    fast_share: float = 0.2
    """... and this share of such answers is too many."""
    agreement: float = 0.5
    """Correlation with the mean of the other raters."""
    anchor_share: float = 0.25
    """Share of originals called poor, and of nearest-neighbour versions called good. People do not give every
    original a 5 (4.32 to 4.46 on average in the SRGAN study), so only the wrong half of the scale counts."""
    repeat_difference: float = 1.5
    """Mean difference of hidden repeats, in score steps."""
    hidden_share: float = 0.05
    """Share of ratings given while the page was not visible."""
    least_votes: int = 4
    """Shares of fewer anchors or repeats than this are no reason for a flag."""
    best_method: str = "hr"
    worst_method: str = "nearest"


RULES = FlagRules()


def rater_flags(table: pd.DataFrame, rules: FlagRules = RULES) -> dict[str, str]:
    """Return the flags of each rater in words, '' where there are none.

    `table` is one that `mos export` writes, of scores or of pairs. Calibration does not count; a table
    without a rating that counts gives an empty dict.
    """
    try:
        if is_pairs(table):
            behaviour = _behaviour_of_choices(table, rules)
        else:
            ratings = check_ratings(table)
            behaviour = behaviour_table(ratings, panel_of(ratings), rules)
    except InputError:  # nothing that counts has been rated
        return {}
    return dict(zip(behaviour["rater"], behaviour["flags"], strict=True))


def behaviour_table(ratings: Ratings, panel: Panel, rules: FlagRules = RULES) -> pd.DataFrame:
    """Return one row a rater: each rule's measure where the table has what it needs, and `flags` in words."""
    table = pd.DataFrame({"rater": panel.raters, "correlation": _correlation_with_others(panel.scores)})
    for part in (
        _straight_lining(ratings.first),
        _speed(pd.concat([ratings.first, ratings.repeats], ignore_index=True), rules),
        _attention(pd.concat([ratings.first, ratings.repeats])),
        _anchors(ratings.first, ratings.scale, rules),
        _repeats(ratings, rules),
    ):
        table = table.merge(part.reset_index(), on="rater", how="left")
    return table.assign(flags=[_flags(row, rules) for _, row in table.iterrows()])


def _behaviour_of_choices(table: pd.DataFrame, rules: FlagRules) -> pd.DataFrame:
    """Return what can be said of forced choices: which side, how fast, how attentive."""
    if "phase" in table.columns:
        table = table[table["phase"] != "calibration"]
    if table.empty:
        raise InputError("no choice that counts yet")
    choices = table.assign(rater=table["rater"].astype(str), score=pd.factorize(table["choice"])[0])
    found = _straight_lining(choices).join(_speed(choices, rules)).join(_attention(choices)).reset_index()
    return found.assign(flags=[_flags(row, rules) for _, row in found.iterrows()])


def _straight_lining(rated: pd.DataFrame) -> pd.DataFrame:
    """Return, by rater, the share of the most frequent score and the longest run of one score."""
    by_rater = rated.groupby("rater")["score"]
    most_frequent = rated.groupby(["rater", "score"]).size().groupby("rater").max()
    table = pd.DataFrame({"one_score_share": most_frequent / by_rater.size()})
    if "shown_at" in rated.columns:
        shown = rated.sort_values("shown_at", kind="stable")
        table["same_score_run"] = shown.groupby("rater")["score"].agg(longest_run)
    return table


def longest_run(scores: pd.Series) -> int:
    """Return how often in a row the same score was given."""
    breaks = np.flatnonzero(np.diff(scores.to_numpy(float))) + 1
    return int(np.diff(np.concatenate([[0], breaks, [len(scores)]])).max())


def _speed(rated: pd.DataFrame, rules: FlagRules) -> pd.DataFrame:
    """Return, by rater, the median seconds of an answer and the share of answers too fast to have looked."""
    by_rater = rated.groupby("rater")
    table = pd.DataFrame(index=by_rater.size().index)
    if "seconds" in rated.columns and rated["seconds"].notna().any():
        table["median_seconds"] = by_rater["seconds"].median()
        fast = rated["seconds"] < rules.fast_seconds
        if "stored_at" in rated.columns:
            fast |= server_seconds(rated, rules.fast_seconds) < rules.fast_seconds
        table["fast_share"] = fast.astype(float).groupby(rated["rater"]).mean()
    return table


def server_seconds(rated: pd.DataFrame, gap_seconds: float) -> pd.Series:
    """Return the seconds that each answer can have taken by the server's clock, NaN for a rater's first.

    A browser says how long an answer took; the server knows when it came. Answers that come within
    `gap_seconds` of one another are one batch, as after a time without a network: a batch had the time since
    the one before, shared by all of it. So nobody is faster here than in truth.
    """
    stored = pd.to_datetime(rated["stored_at"], utc=True, format="ISO8601").to_numpy()
    answers = pd.DataFrame({"rater": pd.factorize(rated["rater"])[0], "stored": stored})
    answers = answers.sort_values(["rater", "stored"], kind="stable")
    gaps = answers.groupby("rater")["stored"].diff().dt.total_seconds()
    begins = ~answers["rater"].duplicated()
    batch = (begins | (gaps >= gap_seconds)).cumsum().rename("batch")
    batches = answers.groupby(batch).agg(
        rater=("rater", "first"), first=("stored", "first"), last=("stored", "last"), count=("rater", "size")
    )
    earliest = ~batches["rater"].duplicated()
    # A rater's first answer has nothing before it: the first batch had the time between its own answers.
    since = batches["last"] - batches["last"].shift().where(~earliest, batches["first"])
    shared_by = batches["count"] - earliest
    each = since.dt.total_seconds() / shared_by.where(shared_by > 0)
    seconds = pd.Series(np.nan, index=rated.index)
    seconds.iloc[answers.index] = batch.map(each).mask(begins).to_numpy()
    return seconds


def _attention(rated: pd.DataFrame) -> pd.DataFrame:
    """Return, by rater, the share of ratings on a hidden page and how many zooms there were, where known."""
    by_rater = rated.groupby("rater")
    table = pd.DataFrame(index=by_rater.size().index)
    if "visible" in rated.columns:
        table["hidden_share"] = by_rater["visible"].agg(lambda s: float((s.astype(float) == 0).mean()))
    if "device_pixel_ratio" in rated.columns:
        table["zooms"] = by_rater["device_pixel_ratio"].nunique()
    if "viewing" in rated.columns:
        told = rated["viewing"].astype(object).fillna("").astype(str)  # a column of blanks reads as numbers
        table["viewing"] = told.groupby(rated["rater"]).max()
    return table


def _anchors(first: pd.DataFrame, scale: Scale, rules: FlagRules) -> pd.DataFrame:
    """Return, by rater, the share of hidden anchors on the wrong side of the scale."""
    step = (scale.high - scale.low) / 4
    best, worst = first["method"] == rules.best_method, first["method"] == rules.worst_method
    wrong = (best & (first["score"] <= scale.low + step)) | (worst & (first["score"] >= scale.high - step))
    return _mean_of_enough(wrong[best | worst].astype(float), first["rater"], "wrong_anchors", rules)


def _repeats(ratings: Ratings, rules: FlagRules) -> pd.DataFrame:
    """Return, by rater, the mean difference between a hidden repeat and its first rating."""
    pairs = ratings.repeats.merge(ratings.first[[*CELL, "score"]], on=CELL, suffixes=("", "_first"))
    difference = (pairs["score"] - pairs["score_first"]).abs()
    return _mean_of_enough(difference, pairs["rater"], "repeat_difference", rules)


def _mean_of_enough(values: pd.Series, rater: pd.Series, name: str, rules: FlagRules) -> pd.DataFrame:
    by_rater = values.groupby(rater.loc[values.index])
    return by_rater.mean()[by_rater.size() >= rules.least_votes].rename(name).to_frame()


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


def _flags(row: pd.Series, rules: FlagRules) -> str:
    """Return what is beyond a limit, in words; a measure that is not there is within it."""
    found = []
    if row["one_score_share"] > rules.one_score_share:
        found.append(f"one score in {row['one_score_share']:.0%} of votes")
    if row.get("same_score_run", 0) >= rules.same_score_run:
        found.append(f"{row['same_score_run']:.0f} times the same score in a row")
    if row.get("fast_share", 0.0) > rules.fast_share:
        found.append(f"{row['fast_share']:.0%} of answers under {rules.fast_seconds:g} s")
    if row.get("correlation", 1.0) < rules.agreement:
        found.append(f"correlation {row['correlation']:.2f} with the others")
    if row.get("wrong_anchors", 0.0) > rules.anchor_share:
        found.append(f"{row['wrong_anchors']:.0%} of anchors on the wrong side of the scale")
    if row.get("repeat_difference", 0.0) >= rules.repeat_difference:
        found.append(f"hidden repeats differ by {row['repeat_difference']:.1f} steps")
    if row.get("zooms", 1) > 1:
        found.append("zoom changed")
    if row.get("hidden_share", 0.0) > rules.hidden_share:
        found.append(f"page hidden in {row['hidden_share']:.0%} of ratings")
    viewing = row.get("viewing", "")
    if isinstance(viewing, str) and viewing:
        found.append(f"viewing check: {viewing}")
    return "; ".join(found)


def rules_in_words(rules: FlagRules) -> str:
    """Return the whole rule book as one sentence of the report."""
    return (
        "A flag, which excludes nobody by itself: one score in more than "
        f"{rules.one_score_share:.0%} of votes, {rules.same_score_run} times the same score in a row, more "
        f"than {rules.fast_share:.0%} of answers under {rules.fast_seconds:g} s, a correlation under "
        f"{rules.agreement:g} with the mean of the others, more than {rules.anchor_share:.0%} of hidden "
        f"anchors on the wrong side of the scale, hidden repeats {rules.repeat_difference:g} steps apart on "
        f"average, a zoom that changed, a page hidden in more than {rules.hidden_share:.0%} of ratings, or a "
        "viewing check that found zoom, a touch screen or too few grey steps. Fast is by the browser's clock "
        "or, where `stored_at` is known, by the server's. "
        "Each applies where the table has its columns."
    )


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
    table = _with_recovered(table, recovered_or_none(panel.scores)).assign(
        bt500_outlying=bt500.outlying,
        bt500_one_sidedness=bt500.one_sidedness,
        bt500_rejected=bt500.rejected,
        p913_outlying=p913.outlying,
        p913_one_sidedness=p913.one_sidedness,
        p913_rejected=p913.rejected,
    )
    return table.merge(behaviour_table(ratings, panel, rules), on="rater", how="left")


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

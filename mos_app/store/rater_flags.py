"""What looks odd about a rater. Flags are shown, never acted upon: nobody is dropped in silence."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping

from mos_app.store.store import Store
from mos_app.study.definition import REFERENCE

STRAIGHT_RUN = 15
"""The same score this often in a row."""
FAST_SECONDS = 0.7
FAST_SHARE = 0.2
ANCHOR_SHARE = 0.25
HIDDEN_SHARE = 0.05
REPEAT_DIFFERENCE = 1.5
ENOUGH = 4
"""Fewer cases than this prove nothing."""
WORST_METHOD = "nearest"


@dataclass(frozen=True)
class Judged:
    """One stored rating, with what it was a rating of."""

    dataset: str
    picture: str
    method: str
    score: int
    seconds: float
    repeat: bool
    visible: bool
    device_pixel_ratio: float


def flags_by_rater(store: Store) -> dict[str, list[str]]:
    """Return the flags of every rater who has rated something that counts."""
    by_rater: dict[str, list[Judged]] = defaultdict(list)
    for row in store.rating_rows():
        if row["phase"] == "main":
            by_rater[row["rater"]].append(_judged(row, store))
    pairs = store.study.settings.method == "pairs"
    return {rater: flags(ratings, pairs=pairs) for rater, ratings in by_rater.items()}


def flags(ratings: Sequence[Judged], *, pairs: bool = False) -> list[str]:
    """Return what is odd about one rater's ratings, in the order they were given."""
    found = [
        ("straight-lining", longest_run([rating.score for rating in ratings]) >= STRAIGHT_RUN),
        ("too fast", _share(rating.seconds < FAST_SECONDS for rating in ratings) > FAST_SHARE),
        ("failed anchors", not pairs and _fails_anchors(ratings)),
        ("inconsistent repeats", not pairs and _repeat_difference(ratings) >= REPEAT_DIFFERENCE),
        ("zoom changed", len({rating.device_pixel_ratio for rating in ratings}) > 1),
        ("page hidden", _share(not rating.visible for rating in ratings) > HIDDEN_SHARE),
    ]
    return [name for name, is_so in found if is_so]


def longest_run(scores: Sequence[int]) -> int:
    """Return how often in a row the same score was given."""
    return max((sum(1 for _ in run) for _, run in itertools.groupby(scores)), default=0)


def _fails_anchors(ratings: Sequence[Judged]) -> bool:
    """The original called poor, or nearest neighbour called good, too often.

    People do not give every original a 5 (4.32 to 4.46 on average in the SRGAN study), so only
    scores on the wrong side of the middle count.
    """
    wrong = [
        rating.score <= 2 if rating.method == REFERENCE else rating.score >= 4
        for rating in ratings
        if rating.method in (REFERENCE, WORST_METHOD)
    ]
    return len(wrong) >= ENOUGH and _share(wrong) > ANCHOR_SHARE


def _repeat_difference(ratings: Sequence[Judged]) -> float:
    first = {(r.dataset, r.picture, r.method): r.score for r in ratings if not r.repeat}
    differences = [
        abs(r.score - first[r.dataset, r.picture, r.method])
        for r in ratings
        if r.repeat and (r.dataset, r.picture, r.method) in first
    ]
    return sum(differences) / len(differences) if len(differences) >= ENOUGH else 0.0


def _share(cases: Any) -> float:
    listed = list(cases)
    return sum(listed) / len(listed) if listed else 0.0


def _judged(row: RowMapping, store: Store) -> Judged:
    stimulus = store.study.by_id[row["stimulus"]]
    return Judged(
        dataset=stimulus.dataset,
        picture=stimulus.picture,
        method=stimulus.method,
        score=row["score"],
        seconds=row["seconds"],
        repeat=row["repeat"],
        visible=row["visible"],
        device_pixel_ratio=row["device_pixel_ratio"],
    )

"""Where a rater stands: which screen comes, where the next pause is, how long it still takes."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from mos_app.study.definition import Study
from mos_app.study.order import trials_of
from mos_app.study.people import Rater

Stage = Literal["check", "instructions", "ready", "break", "more", "rate", "thanks"]

BETWEEN_SECONDS = 0.7
"""Grey between two pictures, and the time before keys are taken."""
FIRST_GUESS_SECONDS = 3.5


def calibration_count(study: Study) -> int:
    """Return how many calibration trials stand before the first one that counts."""
    return 2 * len(study.anchors) if study.settings.method != "pairs" else len(study.anchors)


def pauses(study: Study, total: int) -> list[int]:
    """Return the numbers of ratings done at which a screen comes between: start, practice over, breaks.

    No break is offered within the last third of a block before the end.
    """
    practice = calibration_count(study)
    every = study.settings.break_every
    breaks = range(practice + every, total - every // 3, every) if every else []
    blocks = (start for start in block_starts(study) if start < total)
    return sorted({0, practice, *breaks, *blocks})


def trials_before(study: Study, block: int) -> int:
    """Return how many trials, practice and repeats included, stand before a block (1, 2, ...)."""
    before = [sum(len(trials) for trials in trials_of(study, each).values()) for each in range(block)]
    return calibration_count(study) + sum(main + round(study.settings.repeat_share * main) for main in before)


def block_starts(study: Study) -> list[int]:
    """Return the position at which each block that was added later begins."""
    return [trials_before(study, block) for block in range(1, study.blocks)]


def stage_of(rater: Rater, study: Study) -> Stage:
    """Return the screen that the rater should see now."""
    if rater.finished:
        return "thanks"
    if not rater.checked:
        return "check"
    if rater.done in pauses(study, rater.total) and rater.rested_at < rater.done:
        if rater.done == 0:
            return "instructions"
        if rater.done in block_starts(study):
            return "more"
        return "ready" if rater.done == calibration_count(study) else "break"
    return "rate"


def block_end(rater: Rater, study: Study) -> int:
    """Return the number of ratings done at which the next screen comes."""
    return next((at for at in pauses(study, rater.total) if at > rater.done), rater.total)


def seconds_left(done: int, total: int, pace: Sequence[float]) -> float:
    """Return an estimate from the median of the last answers; a first guess before there are any."""
    each = median(pace) if len(pace) >= 5 else FIRST_GUESS_SECONDS
    return (total - done) * (each + BETWEEN_SECONDS)

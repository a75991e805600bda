"""Which trial a rater sees when: seeded, balanced over raters, no picture twice in a row."""

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from mos_app.study.definition import Study, Trial
from sr_models.data.errors import InputError

# B segments of a session = the largest number of trials that one picture has.


def order_for(study: Study, rater_number: int) -> list[Trial]:
    """Return everything rater 0, 1, 2, ... sees, calibration first.

    The session is cut into B segments. Over B consecutive raters each trial of a picture falls
    once into each segment (a Latin square, drawn by the study's seed), so positions are balanced;
    inside a segment the order is random. Hidden repeats are put in afterwards.
    """
    rng = np.random.default_rng([study.settings.seed, 1, rater_number])
    main = _separate(_segments(study, rater_number, rng), study)
    first = [*_calibration(study, rng), *_with_repeats(main, study, rng)]
    return [
        *first,
        *(trial for block in range(1, study.blocks) for trial in block_for(study, rater_number, block)),
    ]


def block_for(study: Study, rater_number: int, block: int) -> list[Trial]:
    """Return what a rater sees of a block that was added later (1, 2, ...), under the same rules."""
    rng = np.random.default_rng([study.settings.seed, 1, rater_number, block])
    main = _separate(_segments(study, rater_number, rng, block), study)
    return _with_repeats(main, study, rng)


def trials_of(study: Study, block: int = 0) -> dict[tuple[str, str], list[Trial]]:
    """Return the trials of each picture of a block: its versions, or every pair of them."""
    by_picture = study.versions_in(block)
    match study.settings.method:
        case "acr":
            return {picture: [Trial(item.id) for item in items] for picture, items in by_picture.items()}
        case "dcr":
            return {
                picture: [Trial(item.id, study.reference_of(item).id) for item in items]
                for picture, items in by_picture.items()
            }
        case "pairs":
            return {
                picture: [Trial(a.id, b.id) for a, b in itertools.combinations(items, 2)]
                for picture, items in by_picture.items()
            }


def check_feasible(study: Study, raters: int = 30) -> None:
    """Raise InputError when the study's rules cannot all be kept, tried on the first raters."""
    for block in range(study.blocks):
        counts = [len(trials) for trials in trials_of(study, block).values()]
        if 2 * max(counts) > sum(counts) + 1:
            raise InputError(
                f"one picture has {max(counts)} of {sum(counts)} trials, so its versions would follow one "
                "another: add pictures"
            )
    for number in range(raters):
        order_for(study, number)


def _segments(study: Study, rater_number: int, rng: np.random.Generator, block: int = 0) -> list[list[Trial]]:
    by_picture = trials_of(study, block)
    n_segments = max(len(trials) for trials in by_picture.values())
    draw = np.random.default_rng(
        [study.settings.seed, 0, *([block] if block else [])]
    )  # the same for all raters
    shift = int(draw.permutation(n_segments)[rater_number % n_segments])
    segments: list[list[Trial]] = [[] for _ in range(n_segments)]
    for trials in by_picture.values():
        slots = draw.permutation(n_segments)[: len(trials)]
        flips = draw.integers(0, 2, len(trials))
        for trial, slot, flip in zip(trials, slots, flips, strict=True):
            turned = study.settings.method == "pairs" and _is_flipped(int(flip), rater_number, n_segments)
            segments[(slot + shift) % n_segments].append(
                Trial(str(trial.other), trial.stimulus) if turned else trial
            )
    for segment in segments:
        rng.shuffle(segment)
    return segments


def _is_flipped(flip: int, rater_number: int, n_segments: int) -> bool:
    """Left and right change places from rater to rater, and not in step with the segments."""
    return (flip + rater_number + rater_number // n_segments) % 2 == 1


def _separate(segments: list[list[Trial]], study: Study) -> list[Trial]:
    """Join segments so that no picture follows itself."""
    joined: list[Trial] = []
    for segment in segments:
        if joined and len(segment) > 1 and _picture(segment[0], study) == _picture(joined[-1], study):
            segment[0], segment[1] = segment[1], segment[0]
        joined += segment
    pictures = [_picture(trial, study) for trial in joined]
    if any(a == b for a, b in itertools.pairwise(pictures)):  # segments of one trial: very small studies
        return [joined[index] for index in spread(pictures)]
    return joined


def spread(labels: Sequence[Hashable]) -> list[int]:
    """Return an order of indices in which no label follows itself, close to the order given.

    Raises InputError where there is none: a label on more than half (rounded up) of the places.
    """
    left = list(range(len(labels)))
    counts = Counter(labels)
    chosen: list[int] = []
    while left:
        last = labels[chosen[-1]] if chosen else None
        # A label that fills every second remaining place must come now, or it never fits again.
        urgent = next((label for label, n in counts.items() if 2 * n > len(left) and label != last), None)
        index = next(
            (i for i in left if labels[i] != last and (urgent is None or labels[i] == urgent)),
            None,
        )
        if index is None:
            raise InputError("too many trials of one picture: some would follow one another; add pictures")
        left.remove(index)
        counts[labels[index]] -= 1
        chosen.append(index)
    return chosen


def _with_repeats(main: list[Trial], study: Study, rng: np.random.Generator) -> list[Trial]:
    """Put hidden repeats in, each beyond the lag after its first showing and beside other pictures.

    A later insertion only ever lengthens the distances that exist, so no lag is broken by it.
    """
    wanted = round(study.settings.repeat_share * len(main))
    order = list(main)
    pictures = [_picture(trial, study) for trial in main]
    placed = 0
    for trial in (main[i] for i in rng.permutation(len(main))):
        if placed == wanted:
            break
        gaps = _gaps_after(order.index(trial), pictures, study.settings.repeat_lag)
        if gaps:
            place = gaps[int(rng.integers(len(gaps)))]
            order.insert(place, Trial(trial.stimulus, trial.other, "main", True))
            pictures.insert(place, _picture(trial, study))
            placed += 1
    if placed < wanted:
        raise InputError(
            f"only {placed} of {wanted} hidden repeats fit with a lag of {study.settings.repeat_lag}: "
            "lower --repeat-lag or --repeats"
        )
    return order


def _gaps_after(first: int, pictures: Sequence[Hashable], lag: int) -> list[int]:
    """Return the places for a repeat of trial `first`: beyond the lag, beside other pictures."""
    picture = pictures[first]
    beside = {place for i, other in enumerate(pictures) if other == picture for place in (i, i + 1)}
    return [place for place in range(first + 1 + lag, len(pictures) + 1) if place not in beside]


def _calibration(study: Study, rng: np.random.Generator) -> list[Trial]:
    trials: list[Trial] = []
    for anchors in study.anchors:
        match study.settings.method:
            case "acr":
                ends = [Trial(anchors.worst), Trial(anchors.best)]
            case "dcr":
                ends = [Trial(anchors.worst, anchors.best), Trial(anchors.best, anchors.best)]
            case "pairs":
                left_first = bool(rng.integers(0, 2))
                ends = [
                    Trial(anchors.worst, anchors.best) if left_first else Trial(anchors.best, anchors.worst)
                ]
        trials += [Trial(end.stimulus, end.other, "calibration") for end in ends]
    shuffled = [trials[i] for i in rng.permutation(len(trials))]
    pictures = [_picture(trial, study) for trial in shuffled]
    return [shuffled[i] for i in spread(pictures)] if len(study.anchors) > 1 else shuffled


def _picture(trial: Trial, study: Study) -> tuple[str, str]:
    stimulus = study.by_id[trial.stimulus]
    return stimulus.dataset, stimulus.picture

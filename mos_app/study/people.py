"""A rater's way through a study, and one trial of it: what the store returns and the screens show."""

from dataclasses import dataclass

from mos_app.study.definition import Language, Phase


@dataclass(frozen=True)
class Rater:
    """One person's way through the study."""

    id: str
    number: int
    language: Language
    total: int
    done: int
    rested_at: int
    checked: bool
    finished: bool
    completion_code: str | None
    blocks: int = 1
    """How many of the study's blocks of pictures are in this person's order."""


@dataclass(frozen=True)
class Presentation:
    """One trial at its place in a rater's order."""

    id: str
    position: int
    phase: Phase
    stimulus: str
    other: str | None
    repeat: bool

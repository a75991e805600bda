"""What the study's parts hand one another: a rater, a presentation, a refusal."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mos_app.study.definition import Language, Phase


class RefusedError(Exception):
    """The server says no: an HTTP status and a short message that reveals nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


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
    reusable_invite: bool


@dataclass(frozen=True)
class Presentation:
    """One trial at its place in a rater's order."""

    id: str
    position: int
    phase: Phase
    stimulus: str
    other: str | None
    repeat: bool


def now_text(moment: datetime | None = None) -> str:
    """Return UTC as ISO 8601 with milliseconds."""
    moment = moment or datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

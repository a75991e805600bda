"""Times as the study's files and tables keep them."""

from datetime import UTC, datetime


def now_text(moment: datetime | None = None) -> str:
    """Return UTC as ISO 8601 with milliseconds, the present if no moment is given."""
    moment = moment or datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

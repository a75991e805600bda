"""Ratings: what is due, and one answer stored in one transaction, once. Stored rows are never changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, case, func, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import random_code
from mos_app.store.connection import Database
from mos_app.store.refusal import RefusedError
from mos_app.study.clock import now_text
from mos_app.study.definition import Study
from mos_app.study.people import Presentation

COMPLETION_CHARS = 10


@dataclass(frozen=True)
class Answer:
    """One answer as the browser that painted the picture reports it."""

    presentation: str
    score: int
    """ACR, DCR: 1 to 5. Pairs: 1 left, 2 right."""
    seconds: float
    """From the first paint to the answer."""
    shown_at: str
    """The browser's clock, as `now_text` writes it."""
    device_pixel_ratio: float
    rect: tuple[float, float, float, float]
    """x, y, width, height in device pixels."""
    viewport: str
    """WIDTHxHEIGHT in CSS pixels."""
    visible: bool
    fullscreen: bool


def upcoming(db: Database, rater: str, count: int) -> list[Presentation]:
    """Return the presentation now due and those after it."""
    p, r = tables.presentations.c, tables.raters.c
    with db.reading() as connection:
        rows = connection.execute(
            select(p.id, p.position, p.phase, p.stimulus, p.other, p.repeat)
            .join(tables.raters, r.id == p.rater)
            .where(p.rater == rater, p.position >= r.done)
            .order_by(p.position)
            .limit(count)
        )
        return [Presentation(*row) for row in rows]


def store_rating(db: Database, rater: str, answer: Answer) -> None:
    """Store one answer in one transaction.

    An answer stored already is harmless when it says the same (CONTRACTS: 200), else refused.
    """
    with db.writing() as connection:
        due = _presentation(connection, db.study, rater, answer.presentation)
        if due["score"] is None:
            if due["closed_at"]:
                raise RefusedError(403, "closed")
            if due["position"] != due["done"]:
                raise RefusedError(409, "not due yet")
            if _advance(connection, db.study, rater, due):
                connection.execute(insert(tables.ratings).values(_values(answer)))
                return
            due = _presentation(connection, db.study, rater, answer.presentation)  # another tab was faster
        if due["score"] != answer.score:
            raise RefusedError(409, "stored already with another score")


def _presentation(connection: Connection, study: Study, rater: str, presentation: str) -> RowMapping:
    p, r = tables.presentations.c, tables.raters.c
    found = (
        select(p.position, r.done, r.total, tables.ratings.c.score, tables.study.c.closed_at)
        .select_from(tables.presentations)
        .join(tables.raters, r.id == p.rater)
        .join(tables.study, tables.study.c.fingerprint == study.fingerprint)
        .outerjoin(tables.ratings, tables.ratings.c.presentation == p.id)
        .where(p.id == presentation, p.rater == rater)
    )
    row = connection.execute(found).mappings().first()
    if row is None:
        raise RefusedError(404, "no such presentation")
    return row


def _advance(connection: Connection, study: Study, rater: str, due: RowMapping) -> bool:
    """Move the rater on; False when a concurrent answer did so first."""
    values: dict[str, Any] = {"done": tables.raters.c.done + 1}
    if due["done"] + 1 == due["total"]:
        values["finished_at"] = now_text()
        own = study.settings.completion_code or random_code(COMPLETION_CHARS).upper()
        values["completion_code"] = func.coalesce(
            tables.raters.c.completion_code, own
        )  # it may be handed in already
    moved = connection.execute(
        update(tables.raters)
        .where(tables.raters.c.id == rater, tables.raters.c.done == due["done"])
        .values(values)
    )
    return moved.rowcount == 1


def _values(answer: Answer) -> dict[str, Any]:
    return {
        "presentation": answer.presentation,
        "score": answer.score,
        "seconds": answer.seconds,
        "shown_at": answer.shown_at,
        "stored_at": now_text(),
        "device_pixel_ratio": answer.device_pixel_ratio,
        "rect": " ".join(f"{value:.10g}" for value in answer.rect),
        "viewport": answer.viewport,
        "visible": answer.visible,
        "fullscreen": answer.fullscreen,
    }


def pace(db: Database, rater: str, last: int = 40) -> list[float]:
    """Return the seconds of the last answers, newest first."""
    p = tables.presentations.c
    with db.reading() as connection:
        return list(
            connection.execute(
                select(tables.ratings.c.seconds)
                .join(tables.presentations, p.id == tables.ratings.c.presentation)
                .where(p.rater == rater)
                .order_by(p.position.desc())
                .limit(last)
            ).scalars()
        )


def rating_rows(db: Database) -> list[RowMapping]:
    """Return every rating with its presentation, by rater and position."""
    with db.snapshot() as connection:
        return [row._mapping for rows in rating_chunks(connection) for row in rows]


def rating_chunks(connection: Connection, size: int = 20_000) -> Iterator[Sequence[Row[Any]]]:
    """Yield what `rating_rows` returns, `size` rows at a time, from a cursor that the server keeps.

    The connection is one of `Database.snapshot`.
    """
    p, r, a = tables.presentations.c, tables.raters.c, tables.ratings.c
    found = (
        select(p.rater, p.position, p.phase, p.stimulus, p.other, p.repeat, *a)
        .select_from(tables.ratings)
        .join(tables.presentations, p.id == a.presentation)
        .join(tables.raters, r.id == p.rater)
        .order_by(r.number, p.position)
    )
    yield from connection.execute(found, execution_options={"yield_per": size}).partitions()


def score_counts(db: Database) -> dict[int, int]:
    """Return how often each score was given in the main phase."""
    p, a = tables.presentations.c, tables.ratings.c
    with db.reading() as connection:
        counted = (
            select(a.score, func.count())
            .join(tables.presentations, p.id == a.presentation)
            .where(p.phase == "main")
            .group_by(a.score)
        )
        return {int(score): int(count) for score, count in connection.execute(counted)}


def hourly_counts(db: Database, since: str) -> dict[str, int]:
    """Return the ratings stored in each hour (`2026-01-31T15`, UTC) from `since` on."""
    a = tables.ratings.c
    hour = func.substr(a.stored_at, 1, 13).label("hour")
    with db.reading() as connection:
        counted = select(hour, func.count()).where(a.stored_at >= since).group_by("hour")
        return {str(name): int(count) for name, count in connection.execute(counted)}


def mean_seconds(db: Database) -> float | None:
    """Return the mean time of an answer of the main phase in seconds, each counted as at most a minute."""
    p, a = tables.presentations.c, tables.ratings.c
    with db.reading() as connection:
        at_most = case((a.seconds > 60, 60.0), else_=a.seconds)
        found = select(func.avg(at_most)).join(tables.presentations, p.id == a.presentation)
        mean = connection.execute(found.where(p.phase == "main")).scalar()
        return None if mean is None else float(mean)

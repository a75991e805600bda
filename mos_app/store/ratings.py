"""Ratings: what is due, and one answer stored in one transaction, once. Stored rows are never changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    RowMapping,
    Update,
    and_,
    case,
    func,
    insert,
    literal,
    select,
    true,
    update,
)  # fmt: skip

from mos_app.store import tables
from mos_app.store.codes import random_code, token_hash
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


def pictures_of(db: Database, token: str | None, presentation: str, ahead: int) -> tuple[str, str | None]:
    """Return a presentation's stimulus and the one beside it, for the rater whose session token this is.

    Refused unless it is among the next `ahead` that this rater sees: 401, 403 or 404.
    """
    p, r = tables.presentations.c, tables.raters.c
    found = (
        select(p.stimulus, p.other, p.position, r.done, r.finished_at, tables.study.c.closed_at)
        .select_from(tables.raters)
        .join(tables.study, true())
        .outerjoin(tables.presentations, and_(p.rater == r.id, p.id == presentation))
        .where(r.session_hash == token_hash(token or ""))
    )
    with db.reading() as connection:
        row = connection.execute(found).first()
    if row is None:
        raise RefusedError(401, "no session")
    if row.finished_at or row.closed_at:
        raise RefusedError(403, "closed")
    if row.stimulus is None or not row.done <= row.position < row.done + ahead:
        raise RefusedError(404, "no such picture")
    return row.stimulus, row.other


def store_rating(db: Database, rater: str, answer: Answer) -> None:
    """Store one answer in one transaction.

    An answer stored already is harmless when it says the same (CONTRACTS: 200), else refused.
    """
    for _ in range(2):  # what was in the way may be gone before it is looked at
        if _store(db, rater, answer):
            return
        found = _presentation(db, rater, answer.presentation)
        if found["score"] is not None:
            if found["score"] != answer.score:
                raise RefusedError(409, "stored already with another score")
            return
        if found["closed_at"]:
            raise RefusedError(403, "closed")
        if found["position"] != found["done"]:
            raise RefusedError(409, "not due yet")
    raise RefusedError(503, "busy")


def _store(db: Database, rater: str, answer: Answer) -> bool:
    """Move the rater on and keep the answer; False where it is not the one due, or the study is closed."""
    moved, values = _move_on(db.study, rater, answer.presentation), _values(answer)
    if db.is_sqlite:
        with db.writing() as connection:
            due = connection.execute(moved).rowcount == 1
            if due:
                connection.execute(insert(tables.ratings).values(values))
            return due
    # One statement is one transaction in one round trip.
    going = moved.returning(tables.raters.c.id).cte("going")
    row = select(*(literal(value, tables.ratings.c[name].type) for name, value in values.items()))
    with db.reading() as connection:
        kept = insert(tables.ratings).from_select(list(values), row.select_from(going))
        return connection.execute(kept).rowcount == 1


def _move_on(study: Study, rater: str, presentation: str) -> Update:
    p, r = tables.presentations.c, tables.raters.c
    due = select(p.position).where(p.id == presentation, p.rater == rater).scalar_subquery()
    is_open = select(tables.study.c.fingerprint).where(tables.study.c.closed_at.is_(None)).exists()
    last = r.done + 1 == r.total
    own = study.settings.completion_code or random_code(COMPLETION_CHARS).upper()
    return (
        update(tables.raters)
        .where(r.id == rater, r.done == due, is_open)
        .values(
            done=r.done + 1,
            finished_at=case((last, now_text()), else_=r.finished_at),
            # It may be handed in already.
            completion_code=case((last, func.coalesce(r.completion_code, own)), else_=r.completion_code),
        )
    )


def _presentation(db: Database, rater: str, presentation: str) -> RowMapping:
    p, r = tables.presentations.c, tables.raters.c
    found = (
        select(p.position, r.done, tables.ratings.c.score, tables.study.c.closed_at)
        .select_from(tables.presentations)
        .join(tables.raters, r.id == p.rater)
        .join(tables.study, true())
        .outerjoin(tables.ratings, tables.ratings.c.presentation == p.id)
        .where(p.id == presentation, p.rater == rater)
    )
    with db.reading() as connection:
        row = connection.execute(found).mappings().first()
    if row is None:
        raise RefusedError(404, "no such presentation")
    return row


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


def rating_count(db: Database) -> int:
    """Return how many ratings there are."""
    with db.reading() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(tables.raters.c.done), 0))).scalar_one())


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

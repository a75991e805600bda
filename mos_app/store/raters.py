"""Raters: entering with the whole order stored, sessions, checks and breaks, and being forgotten."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import PRESENTATION_CHARS, random_code, token_hash
from mos_app.store.connection import Database, insert_all
from mos_app.store.invites import check_rater, take_invite
from mos_app.store.refusal import RefusedError
from mos_app.study.clock import now_text
from mos_app.study.definition import Language, Study
from mos_app.study.order import order_for
from mos_app.study.people import Rater

SESSION_CHARS = 40
RATER_CHARS = 8


@dataclass(frozen=True)
class Newcomer:
    """A person with an invite who agrees to take part."""

    invite: str
    consent: str
    """Which text was agreed to: 12 hex digits."""
    language: Language
    panel: str | None = None
    """A panel's own id of the person."""


def enter(db: Database, newcomer: Newcomer) -> tuple[str, str]:
    """Return (rater id, session token) of a person who now begins, their whole order stored.

    Refused where the study is closed or full, or the invite is not open.
    """
    with db.writing() as connection:
        study = connection.execute(select(tables.study).with_for_update()).mappings().one()
        if study["closed_at"]:
            raise RefusedError(403, "closed")
        invite = take_invite(connection, newcomer.invite)
        token = random_code(SESSION_CHARS)
        if invite["rater"] is not None:
            connection.execute(
                update(tables.raters)
                .where(tables.raters.c.id == invite["rater"])
                .values(session_hash=token_hash(token))
            )
            return cast(str, invite["rater"]), token
        _check_quota(connection, db.study)
        rater = _add_rater(connection, db.study, study["entered"], newcomer, token, invite["reusable"])
        connection.execute(update(tables.study).values(entered=tables.study.c.entered + 1))
        return rater, token


def _check_quota(connection: Connection, study: Study) -> None:
    quota = study.settings.raters
    if quota is not None:
        present = connection.execute(select(func.count()).select_from(tables.raters)).scalar_one()
        if present >= quota:
            raise RefusedError(403, "full")


def _add_rater(
    connection: Connection, study: Study, number: int, newcomer: Newcomer, token: str, reusable: bool
) -> str:
    """Return the new rater's random id, the rater and all presentations stored."""
    rater, trials = random_code(RATER_CHARS), order_for(study, number)
    connection.execute(
        insert(tables.raters).values(
            id=rater,
            number=number,
            session_hash=token_hash(token),
            reusable_invite=reusable,
            entered_at=now_text(),
            language=newcomer.language,
            consent_version=newcomer.consent,
            panel=newcomer.panel,
            total=len(trials),
            done=0,
            rested_at=-1,
        )
    )
    rows = [
        {
            "id": random_code(PRESENTATION_CHARS),
            "rater": rater,
            "position": position,
            "phase": trial.phase,
            "stimulus": trial.stimulus,
            "other": trial.other,
            "repeat": trial.repeat,
        }
        for position, trial in enumerate(trials)
    ]
    insert_all(connection, tables.presentations, rows)
    return rater


def rater_of(db: Database, token: str | None) -> Rater | None:
    """Return whose session token this is."""
    if not token:
        return None
    with db.reading() as connection:
        found = select(tables.raters).where(tables.raters.c.session_hash == token_hash(token))
        row = connection.execute(found).mappings().first()
    return None if row is None else _rater(row)


def save_check(db: Database, rater: str, found: Mapping[str, float | str]) -> None:
    """Keep what the viewing check found."""
    with db.writing() as connection:
        connection.execute(
            update(tables.raters).where(tables.raters.c.id == rater).values(checked=json.dumps(dict(found)))
        )


def save_rest(db: Database, rater: str, at: int) -> None:
    """The break that began after `at` ratings is over."""
    with db.writing() as connection:
        connection.execute(
            update(tables.raters)
            .where(tables.raters.c.id == rater, tables.raters.c.rested_at < at, tables.raters.c.done >= at)
            .values(rested_at=at)
        )


def rater_rows(db: Database) -> list[dict[str, Any]]:
    """Return every rater's row, in the order they came, without session hashes."""
    columns = [column for column in tables.raters.c if column.name != "session_hash"]
    with db.reading() as connection:
        return [dict(row) for row in connection.execute(select(*columns).order_by(columns[1])).mappings()]


def forget_rater(db: Database, rater: str) -> dict[str, int]:
    """Remove all rows of one person. Return how many went, by table."""
    p = tables.presentations
    with db.writing() as connection:
        check_rater(connection, rater)
        of_rater = select(p.c.id).where(p.c.rater == rater)
        statements = {
            "ratings": tables.ratings.delete().where(tables.ratings.c.presentation.in_(of_rater)),
            "presentations": p.delete().where(p.c.rater == rater),
            "invites": tables.invites.delete().where(tables.invites.c.rater == rater),
            "raters": tables.raters.delete().where(tables.raters.c.id == rater),
        }
        return {table: connection.execute(statement).rowcount for table, statement in statements.items()}


def _rater(row: RowMapping) -> Rater:
    return Rater(
        id=row["id"],
        number=row["number"],
        language=row["language"],
        total=row["total"],
        done=row["done"],
        rested_at=row["rested_at"],
        checked=row["checked"] is not None,
        finished=row["finished_at"] is not None,
        completion_code=row["completion_code"],
    )

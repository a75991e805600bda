"""Invitation links: made, counted, and taken when a person enters."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import INVITE_CHARS, random_code, token_hash
from mos_app.store.connection import Database
from mos_app.store.refusal import RefusedError
from mos_app.study.clock import now_text
from sr_models.data.errors import InputError


def make_invites(
    db: Database,
    count: int,
    *,
    reusable: bool = False,
    days: float | None = None,
    rater: str | None = None,
) -> list[str]:
    """Return new codes; only their hashes are kept, so they cannot be shown again.

    `days` until they expire, None for never. `rater`: the codes bring this person back.
    """
    codes = [random_code(INVITE_CHARS) for _ in range(count)]
    expires = now_text(datetime.now(UTC) + timedelta(days=days)) if days is not None else None
    with db.writing() as connection:
        if rater is not None:
            check_rater(connection, rater)
        connection.execute(
            insert(tables.invites),
            [
                {
                    "code_hash": token_hash(code),
                    "created_at": now_text(),
                    "expires_at": expires,
                    "reusable": reusable,
                    "used": 0,
                    "rater": rater,
                }
                for code in codes
            ],
        )
    return codes


def invite_state(db: Database, code: str) -> str:
    """Return 'open', 'used', 'expired' or 'unknown'."""
    with db.reading() as connection:
        return _state(_row(connection, code))


def invite_rows(db: Database) -> list[dict[str, Any]]:
    """Return how the invites stand, without their hashes."""
    columns = [column for column in tables.invites.c if column.name != "code_hash"]
    with db.reading() as connection:
        return [dict(row) for row in connection.execute(select(*columns).order_by(columns[0])).mappings()]


def take_invite(connection: Connection, code: str) -> RowMapping:
    """Return the invite's row and count one use; refused unless it is open."""
    row = _row(connection, code)
    state = _state(row)
    if row is None or state != "open":
        raise RefusedError(403, state)
    connection.execute(
        update(tables.invites)
        .where(tables.invites.c.code_hash == row["code_hash"])
        .values(used=tables.invites.c.used + 1)
    )
    return row


def check_rater(connection: Connection, rater: str) -> None:
    """Raise InputError unless there is such a rater."""
    if connection.execute(select(tables.raters.c.id).where(tables.raters.c.id == rater)).first() is None:
        raise InputError(f"no rater called {rater!r}: `mos status` lists them")


def _row(connection: Connection, code: str) -> RowMapping | None:
    statement = select(tables.invites).where(tables.invites.c.code_hash == token_hash(code))
    return connection.execute(statement).mappings().first()


def _state(row: RowMapping | None) -> str:
    if row is None:
        return "unknown"
    if row["expires_at"] is not None and row["expires_at"] <= now_text():
        return "expired"
    return "used" if row["used"] and not row["reusable"] else "open"

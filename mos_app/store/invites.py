"""Invitation links: made, listed, revoked, and taken when a person enters. A one-time link is a person's."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import INVITE_CHARS, random_code, token_hash
from mos_app.store.connection import Database
from mos_app.store.refusal import RefusedError
from mos_app.study.clock import now_text
from sr_models.data.errors import InputError

InviteState = Literal["open", "used", "expired", "revoked", "unknown"]
LABEL_CHARS = 80
NUMBER_CHARS = 8


def make_invites(
    db: Database,
    count: int,
    *,
    reusable: bool = False,
    days: float | None = None,
    rater: str | None = None,
    label: str | None = None,
) -> list[str]:
    """Return new codes; only their hashes are kept, so they cannot be shown again.

    `days` until they expire, None for never. `rater`: the codes bring this person back. `label`: a name for
    the researcher's list.
    """
    if label is not None and len(label) > LABEL_CHARS:
        raise InputError(f"expected a label of at most {LABEL_CHARS} characters, got {len(label)}")
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
                    "label": label,
                }
                for code in codes
            ],
        )
    return codes


def invite_state(db: Database, code: str) -> InviteState:
    """Return how an invite stands. One that is used still brings its own person back."""
    with db.reading() as connection:
        return state_of(invite_row(connection, code))


def is_reusable(db: Database, code: str) -> bool:
    """Return whether many people may enter by this link."""
    with db.reading() as connection:
        row = invite_row(connection, code)
        return row is not None and bool(row["reusable"])


def is_link_of(db: Database, code: str, rater: str) -> bool:
    """Return whether this link is this person's and nobody else's."""
    with db.reading() as connection:
        row = invite_row(connection, code)
        return row is not None and row["rater"] == rater


def invite_rows(db: Database) -> list[dict[str, Any]]:
    """Return how the invites stand, the oldest first, each with the `number` that `revoke_invite` takes.

    A number is the beginning of the code's hash: it names a link and opens nothing.
    """
    with db.reading() as connection:
        rows = connection.execute(select(tables.invites).order_by(tables.invites.c.created_at)).mappings()
        return [
            {
                "number": row["code_hash"][:NUMBER_CHARS],
                "state": state_of(row),
                **{name: value for name, value in row.items() if name != "code_hash"},
            }
            for row in rows
        ]


def revoke_invite(db: Database, number: str) -> None:
    """End a link: nobody enters or comes back by it. Who is under way goes on."""
    i = tables.invites.c
    if len(number) != NUMBER_CHARS or not all(c in "0123456789abcdef" for c in number):
        raise InputError(f"expected a link's number of {NUMBER_CHARS} hex digits, got {number!r}")
    with db.writing() as connection:
        ended = update(tables.invites).where(i.code_hash.startswith(number), i.revoked_at.is_(None))
        if connection.execute(ended.values(revoked_at=now_text())).rowcount == 0:
            raise InputError(f"no link has the number {number!r}, or it is revoked already")


def invite_row(connection: Connection, code: str) -> RowMapping | None:
    """Return the row of a code."""
    statement = select(tables.invites).where(tables.invites.c.code_hash == token_hash(code))
    return connection.execute(statement).mappings().first()


def state_of(row: RowMapping | None) -> InviteState:
    """Return how the row of an invite stands."""
    if row is None:
        return "unknown"
    if row["revoked_at"] is not None:
        return "revoked"
    if row["used"] and not row["reusable"]:
        return "used"
    if row["expires_at"] is not None and row["expires_at"] <= now_text():
        return "expired"
    return "open"


def open_invite(connection: Connection, code: str) -> RowMapping:
    """Return the row of an invite that lets somebody in now; refused unless it is open."""
    row = invite_row(connection, code)
    state = state_of(row)
    if row is None or state != "open":
        raise RefusedError(403, state)
    return row


def count_use(connection: Connection, invite: RowMapping, rater: str) -> None:
    """Count one use. A one-time link is from now on this person's."""
    i = tables.invites.c
    values: dict[str, Any] = {"used": i.used + 1, "used_at": now_text()}
    if not invite["reusable"]:
        values["rater"] = rater
    connection.execute(update(tables.invites).where(i.code_hash == invite["code_hash"]).values(values))


def check_rater(connection: Connection, rater: str) -> None:
    """Raise InputError unless there is such a rater, whose answers wait until the transaction ends."""
    found = select(tables.raters.c.id).where(tables.raters.c.id == rater).with_for_update()
    if connection.execute(found).first() is None:
        raise InputError(f"no rater called {rater!r}: `mos status` lists them")

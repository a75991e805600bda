"""Raters: entering with the whole order stored, sessions, checks and breaks, and being forgotten."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import PRESENTATION_CHARS, random_code, random_codes, token_hash
from mos_app.store.connection import Database, insert_all
from mos_app.store.invites import check_rater, count_use, invite_row, open_invite, state_of
from mos_app.store.refusal import RefusedError
from mos_app.store.state import log_change, standing_on
from mos_app.study.clock import now_text
from mos_app.study.definition import Language, Study, Trial
from mos_app.study.order import block_for, order_for
from mos_app.study.people import Rater
from mos_app.study.words import consent_version

RATER_CHARS = 8
GRACE_MINUTES = 30
"""How long after entering a one-time link brings its person back without asking for their random name."""


@dataclass(frozen=True)
class Newcomer:
    """A person with an invite who agrees to take part."""

    invite: str
    consent: str
    """Which text was agreed to: 12 hex digits."""
    language: Language
    nonce: str
    """Drawn by the browser for this entry: the same again is the same person, not another one."""
    panel: str | None = None
    """A panel's own id of the person."""
    panel_study: str | None = None
    panel_session: str | None = None


def enter(db: Database, newcomer: Newcomer) -> tuple[str, str]:
    """Return (rater id, session token) of a person who now begins, their whole order stored.

    The same newcomer again gets the same answer, so a lost answer may be asked for again. Refused where the
    study is shut or full, the invite is not open, or another text was agreed to.
    """
    study, token = db.study, _token_of(newcomer.invite, newcomer.nonce)
    with db.reading() as connection:
        if known := _entered_already(connection, token):
            return known, token
        try:
            returning, invite = _admit(connection, study, newcomer)
        except RefusedError:
            if known := _entered_already(connection, token):  # what refuses them was their own entry just now
                return known, token
            raise
    order = None if returning else _draw_order(study, _take_number(db))  # for a number that nobody else gets
    own = order.rater if order else ""
    with db.writing() as connection:
        if (
            order is not None
        ):  # it takes a while, so before the lock; nobody sees it until the transaction ends
            _add_rater(connection, study, order, newcomer, reusable=invite["reusable"])
        connection.execute(select(tables.study.c.fingerprint).with_for_update())
        rater = _entered_already(connection, token) or _let_in(connection, study, newcomer, token, own)
        if own and rater != own:  # another request of the same person was faster
            _remove_rater(connection, own)
        return rater, token


def _let_in(connection: Connection, study: Study, newcomer: Newcomer, token: str, own: str) -> str:
    """Return who comes back, else `own`, in a session that begins now."""
    returning, invite = _admit(connection, study, newcomer, own)
    rater = returning or own
    if not rater:  # they were forgotten in this moment
        raise RefusedError(403, "unknown")
    _begin_session(connection, rater, token)
    count_use(connection, invite, rater)
    return rater


def come_back(db: Database, invite: str, nonce: str, name: str | None) -> tuple[str, str]:
    """Return (rater id, session token) of the person whose link this is, on a browser that lost its cookie.

    Soon after entering the link is enough; later, or once they left this browser, it takes their random name,
    which breaks and the last screen show. On a link for many it always does.
    """
    token = _token_of(invite, nonce)
    with db.writing() as connection:
        row = invite_row(connection, invite)
        if row is None or row["revoked_at"] is not None:
            raise RefusedError(403, state_of(row))
        rater = _owner(connection, row, name)
        if rater is None:
            raise RefusedError(403, "name")
        _begin_session(connection, rater, token)
        return rater, token


def comes_back_at_once(db: Database, invite: str) -> bool:
    """Return whether a one-time link that is used needs no name to bring its person back."""
    with db.reading() as connection:
        row = invite_row(connection, invite)
        return row is not None and _in_grace(connection, row)


def leave(db: Database, token: str | None) -> None:
    """End the session of whoever sits at this browser; their ratings stay."""
    if token:
        with db.writing() as connection:
            mine = tables.raters.c.session_hash == token_hash(token)
            connection.execute(update(tables.raters).where(mine).values(session_hash=None))


def _token_of(invite: str, nonce: str) -> str:
    return token_hash(f"{invite} {nonce}")


def _entered_already(connection: Connection, token: str) -> str | None:
    r = tables.raters.c
    found = connection.execute(select(r.id).where(r.session_hash == token_hash(token))).scalar()
    return cast("str | None", found)


def _begin_session(connection: Connection, rater: str, token: str) -> None:
    connection.execute(
        update(tables.raters).where(tables.raters.c.id == rater).values(session_hash=token_hash(token))
    )


def _owner(connection: Connection, invite: RowMapping, name: str | None) -> str | None:
    if name is None:
        return str(invite["rater"]) if _in_grace(connection, invite) else None
    r = tables.raters.c
    of_link = r.reusable_invite if invite["reusable"] else r.id == invite["rater"]
    found = connection.execute(select(r.id).where(r.id == name.strip().lower(), of_link)).scalar()
    return cast("str | None", found)


def _in_grace(connection: Connection, invite: RowMapping) -> bool:
    if invite["reusable"] or not invite["used"] or invite["rater"] is None or invite["used_at"] is None:
        return False
    since = datetime.now(UTC) - datetime.fromisoformat(invite["used_at"])
    r = tables.raters.c
    session = connection.execute(select(r.session_hash).where(r.id == invite["rater"])).scalar()
    return session is not None and since < timedelta(minutes=GRACE_MINUTES)


def _admit(
    connection: Connection, study: Study, newcomer: Newcomer, own: str = ""
) -> tuple[str | None, RowMapping]:
    """Return the rater who comes back (None for a new one) and the invite; refused where they may not.

    own: the newcomer's rater where it is stored already; it does not count.
    """
    now = standing_on(connection, study)
    if now.shut:
        raise RefusedError(403, now.shut)
    invite = open_invite(connection, newcomer.invite)
    if newcomer.consent != consent_version(study, newcomer.language, now.settings):
        raise RefusedError(409, "consent")
    if invite["rater"] is not None:
        return str(invite["rater"]), invite
    if newcomer.panel is not None:
        r = tables.raters.c
        known = connection.execute(select(r.id).where(r.panel == newcomer.panel, r.id != own)).scalar()
        if known is not None and study.settings.panel_again == "refuse":
            raise RefusedError(403, "again")
        if known is not None:
            return str(known), invite
    if now.settings.raters is not None and _places_taken(connection, own) >= now.settings.raters:
        raise RefusedError(403, "full")
    return None, invite


def _places_taken(connection: Connection, own: str) -> int:
    r = tables.raters.c
    return connection.execute(
        select(func.count(r.id)).where(r.released_at.is_(None), r.id != own)
    ).scalar_one()


def _take_number(db: Database) -> int:
    """Return the next rater's number. One that is then refused leaves a gap, which balance survives."""
    with db.writing() as connection:
        counted = update(tables.study).values(entered=tables.study.c.entered + 1)
        return int(connection.execute(counted.returning(tables.study.c.entered)).scalar_one()) - 1


@dataclass(frozen=True)
class _Order:
    """A new rater's id and whole order, before either is stored."""

    rater: str
    number: int
    presentations: list[dict[str, Any]]


def _draw_order(study: Study, number: int) -> _Order:
    rater = random_code(RATER_CHARS)
    return _Order(rater, number, _presentations(rater, order_for(study, number), start=0))


def _add_rater(
    connection: Connection, study: Study, order: _Order, newcomer: Newcomer, *, reusable: bool
) -> None:
    """Store the new rater, at whose place nobody sits yet, and all presentations."""
    connection.execute(
        insert(tables.raters).values(
            id=order.rater,
            number=order.number,
            reusable_invite=reusable,
            entered_at=now_text(),
            language=newcomer.language,
            consent_version=newcomer.consent,
            panel=newcomer.panel,
            panel_study=newcomer.panel_study,
            panel_session=newcomer.panel_session,
            total=len(order.presentations),
            done=0,
            rested_at=-1,
            blocks=study.blocks,
        )
    )
    insert_all(connection, tables.presentations, order.presentations)


def _presentations(rater: str, trials: Sequence[Trial], *, start: int) -> list[dict[str, Any]]:
    codes = random_codes(len(trials), PRESENTATION_CHARS)
    return [
        {
            "id": code,
            "rater": rater,
            "position": position,
            "phase": trial.phase,
            "stimulus": trial.stimulus,
            "other": trial.other,
            "repeat": trial.repeat,
        }
        for position, (code, trial) in enumerate(zip(codes, trials, strict=True), start)
    ]


def with_new_blocks(db: Database, rater: Rater) -> Rater:
    """Return the rater with the blocks that were added since they entered at the end of their order."""
    study = db.study
    if rater.blocks >= study.blocks:
        return rater
    r = tables.raters
    coming = range(rater.blocks, study.blocks)
    trials = [trial for block in coming for trial in block_for(study, rater.number, block)]
    presentations = _presentations(rater.id, trials, start=rater.total)
    with db.writing() as connection:
        grown = connection.execute(
            update(r)
            .where(r.c.id == rater.id, r.c.blocks == rater.blocks)
            .values(blocks=study.blocks, total=r.c.total + len(trials), finished_at=None)
        )
        if grown.rowcount == 1:  # no other request was faster
            insert_all(connection, tables.presentations, presentations)
        row = connection.execute(select(r).where(r.c.id == rater.id)).mappings().one()
    return _rater(row)


def release_places(
    db: Database, raters: Sequence[str] = (), *, idle_days: float | None = None, who: str | None = None
) -> list[str]:
    """Give back the places of raters who have not finished, so that others may have them; return who.

    `idle_days`: also of everybody who has rated nothing for so long. Their ratings stay, and they may go on.
    """
    r = tables.raters
    with db.writing() as connection:
        for rater in raters:
            check_rater(connection, rater)
        chosen = set(raters) | (set(_idle(connection, idle_days)) if idle_days is not None else set())
        open_places = select(r.c.id).where(
            r.c.id.in_(chosen), r.c.finished_at.is_(None), r.c.released_at.is_(None)
        )
        released = sorted(connection.execute(open_places).scalars())
        if released:
            connection.execute(update(r).where(r.c.id.in_(released)).values(released_at=now_text()))
            log_change(connection, "places given back", None, ", ".join(released), who=who)
    return released


def _idle(connection: Connection, days: float) -> list[str]:
    p, r, a = tables.presentations, tables.raters, tables.ratings
    last = func.coalesce(func.max(a.c.stored_at), r.c.entered_at)
    found = (
        select(r.c.id)
        .outerjoin(p, p.c.rater == r.c.id)
        .outerjoin(a, a.c.presentation == p.c.id)
        .group_by(r.c.id, r.c.entered_at)
        .having(last < now_text(datetime.now(UTC) - timedelta(days=days)))
    )
    return list(connection.execute(found).scalars())


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
    with db.reading() as connection:
        return rater_rows_on(connection)


def rater_rows_on(connection: Connection) -> list[dict[str, Any]]:
    """Return what `rater_rows` does, as this connection sees it."""
    columns = [column for column in tables.raters.c if column.name != "session_hash"]
    return [dict(row) for row in connection.execute(select(*columns).order_by(columns[1])).mappings()]


def forget_rater(db: Database, rater: str) -> dict[str, int]:
    """Remove all rows of one person. Return how many went, by table."""
    with db.writing() as connection:
        check_rater(connection, rater)
        return _remove_rater(connection, rater)


def _remove_rater(connection: Connection, rater: str) -> dict[str, int]:
    p = tables.presentations
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
        blocks=row["blocks"],
    )

"""How people come in: invites, entering with the whole order stored, sessions, checks and rests."""

from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import INVITE_CHARS, PRESENTATION_CHARS, random_code, token_hash
from mos_app.store.refusal import RefusedError
from mos_app.store.study_database import StudyDatabase, insert_all
from mos_app.study.clock import now_text
from mos_app.study.order import order_for
from mos_app.study.people import Rater
from mos_app.web.messages import Check, Enter
from sr_models.data.errors import InputError

SESSION_CHARS = 40
RATER_CHARS = 8


class Entry(StudyDatabase):
    """The part of the store that lets people in and knows them again."""

    def invite(
        self, count: int, *, reusable: bool = False, days: float | None = None, rater: str | None = None
    ) -> list[str]:
        """Return new codes; only their hashes are kept, so they cannot be shown again."""
        codes = [random_code(INVITE_CHARS) for _ in range(count)]
        expires = now_text(datetime.now(UTC) + timedelta(days=days)) if days is not None else None
        with self.writing() as connection:
            if rater is not None and not is_rater(connection, rater):
                raise InputError(f"no rater called {rater!r}: `mos status` lists them")
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

    def invite_state(self, code: str) -> str:
        """Return 'open', 'used', 'expired' or 'unknown'."""
        with self.reading() as connection:
            return _invite_state(_invite_row(connection, code))

    def enter(self, message: Enter) -> tuple[str, str]:
        """Return (rater id, session token) of a person who now begins, their whole order stored."""
        with self.writing() as connection:
            study = connection.execute(select(tables.study).with_for_update()).mappings().one()
            if study["closed_at"]:
                raise RefusedError(403, "closed")
            invite = self._take_invite(connection, message.invite)
            token = random_code(SESSION_CHARS)
            if invite["rater"] is not None:
                connection.execute(
                    update(tables.raters)
                    .where(tables.raters.c.id == invite["rater"])
                    .values(session_hash=token_hash(token))
                )
                return cast(str, invite["rater"]), token
            self._check_quota(connection)
            rater = random_code(RATER_CHARS)
            self._add_rater(connection, rater, study["entered"], message, token, invite["reusable"])
            connection.execute(update(tables.study).values(entered=tables.study.c.entered + 1))
            return rater, token

    def _take_invite(self, connection: Connection, code: str) -> RowMapping:
        row = _invite_row(connection, code)
        state = _invite_state(row)
        if row is None or state != "open":
            raise RefusedError(403, state)
        connection.execute(
            update(tables.invites)
            .where(tables.invites.c.code_hash == row["code_hash"])
            .values(used=tables.invites.c.used + 1)
        )
        return row

    def _check_quota(self, connection: Connection) -> None:
        quota = self.study.settings.raters
        if quota is not None:
            present = connection.execute(select(func.count()).select_from(tables.raters)).scalar_one()
            if present >= quota:
                raise RefusedError(403, "full")

    def _add_rater(
        self,
        connection: Connection,
        rater: str,
        number: int,
        message: Enter,
        token: str,
        reusable: bool,
    ) -> None:
        trials = order_for(self.study, number)
        connection.execute(
            insert(tables.raters).values(
                id=rater,
                number=number,
                session_hash=token_hash(token),
                reusable_invite=reusable,
                entered_at=now_text(),
                language=message.language,
                consent_version=message.consent,
                panel=message.panel,
                total=len(trials),
                done=0,
                rested_at=-1,
            )
        )
        insert_all(
            connection,
            tables.presentations,
            [
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
            ],
        )

    def rater_of(self, token: str | None) -> Rater | None:
        """Return whose session token this is."""
        if not token:
            return None
        with self.reading() as connection:
            row = (
                connection.execute(
                    select(tables.raters).where(tables.raters.c.session_hash == token_hash(token))
                )
                .mappings()
                .first()
            )
        return None if row is None else _rater(row)

    def save_check(self, rater: str, check: Check) -> None:
        """Keep what the viewing check found."""
        with self.writing() as connection:
            connection.execute(
                update(tables.raters)
                .where(tables.raters.c.id == rater)
                .values(checked=msgspec.json.encode(check).decode())
            )

    def save_rest(self, rater: str, at: int) -> None:
        """The break that began after `at` ratings is over."""
        with self.writing() as connection:
            connection.execute(
                update(tables.raters)
                .where(
                    tables.raters.c.id == rater, tables.raters.c.rested_at < at, tables.raters.c.done >= at
                )
                .values(rested_at=at)
            )


def is_rater(connection: Connection, rater: str) -> bool:
    """Return whether there is such a rater."""
    return (
        connection.execute(select(tables.raters.c.id).where(tables.raters.c.id == rater)).first() is not None
    )


def _invite_row(connection: Connection, code: str) -> RowMapping | None:
    statement = select(tables.invites).where(tables.invites.c.code_hash == token_hash(code))
    return connection.execute(statement).mappings().first()


def _invite_state(row: RowMapping | None) -> str:
    if row is None:
        return "unknown"
    if row["expires_at"] is not None and row["expires_at"] <= now_text():
        return "expired"
    return "used" if row["used"] and not row["reusable"] else "open"


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
        reusable_invite=row["reusable_invite"],
    )

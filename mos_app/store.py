"""Every question and every change that a study's database knows; one transaction each."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
from sqlalchemy import JSON, Connection, RowMapping, Table, bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from mos_app import schema
from mos_app.access import INVITE_CHARS, PRESENTATION_CHARS, random_code, token_hash
from mos_app.database import open_engine, url_for
from mos_app.messages import Answer, Check, Enter
from mos_app.order import order_for
from mos_app.study import Language, Phase, Study, load
from sr_models.data.errors import InputError

SESSION_CHARS = 40
RATER_CHARS = 8


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


class Store:
    """A study and its database."""

    def __init__(self, study: Study, url: str) -> None:
        self.study = study
        self.url = url
        self._engine = open_engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._one_writer = threading.Lock()
        try:
            self._bind()
        except InputError:
            self._engine.dispose()
            raise

    @classmethod
    def open(cls, folder: str | Path, database: str | None = None) -> "Store":
        """Return the store of the study in folder; its tables are brought up to date."""
        return cls(load(folder), url_for(Path(folder), database))

    def close_connections(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction. SQLite has one writer at a time, so we queue here instead of polling its lock."""
        if self._is_sqlite:
            with self._one_writer, self._engine.begin() as connection:
                yield connection
        else:
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which each statement sees what is committed."""
        with self._reader.connect() as connection:
            yield connection

    def _bind(self) -> None:
        """Make an empty database this study's; refuse another study's."""
        with self.writing() as connection:
            bound = connection.execute(select(schema.study.c.fingerprint, schema.study.c.name)).first()
            if bound is None:
                connection.execute(
                    insert(schema.study).values(
                        fingerprint=self.study.fingerprint, name=self.study.name, entered=0
                    )
                )
            elif bound.fingerprint != self.study.fingerprint:
                raise InputError(
                    f"the database holds the study {bound.name!r} in another version than this folder: "
                    "each study needs a database of its own"
                )

    # -- the study ---------------------------------------------------------------------------

    def closed_at(self) -> str | None:
        """Return when the study was closed, or None while it takes ratings."""
        with self.reading() as connection:
            return cast("str | None", connection.execute(select(schema.study.c.closed_at)).scalar_one())

    def set_closed(self, closed: bool) -> None:
        """Close the study, or take ratings again."""
        with self.writing() as connection:
            connection.execute(update(schema.study).values(closed_at=now_text() if closed else None))

    def admin_hash(self) -> str | None:
        """Return the hash of the admin's password, None before the first start."""
        with self.reading() as connection:
            return cast("str | None", connection.execute(select(schema.study.c.admin_hash)).scalar_one())

    def set_admin_hash(self, value: str) -> None:
        """Keep the hash of a new admin password."""
        with self.writing() as connection:
            connection.execute(update(schema.study).values(admin_hash=value))

    # -- people come -------------------------------------------------------------------------

    def invite(
        self, count: int, *, reusable: bool = False, days: float | None = None, rater: str | None = None
    ) -> list[str]:
        """Return new codes; only their hashes are kept, so they cannot be shown again."""
        codes = [random_code(INVITE_CHARS) for _ in range(count)]
        expires = now_text(datetime.now(UTC) + timedelta(days=days)) if days is not None else None
        with self.writing() as connection:
            if rater is not None and not _row(connection, rater):
                raise InputError(f"no rater called {rater!r}: `mos status` lists them")
            connection.execute(
                insert(schema.invites),
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
            study = connection.execute(select(schema.study).with_for_update()).mappings().one()
            if study["closed_at"]:
                raise RefusedError(403, "closed")
            invite = self._take_invite(connection, message.invite)
            token = random_code(SESSION_CHARS)
            if invite["rater"] is not None:
                connection.execute(
                    update(schema.raters)
                    .where(schema.raters.c.id == invite["rater"])
                    .values(session_hash=token_hash(token))
                )
                return cast(str, invite["rater"]), token
            self._check_quota(connection)
            rater = random_code(RATER_CHARS)
            self._add_rater(connection, rater, study["entered"], message, token, invite["reusable"])
            connection.execute(update(schema.study).values(entered=schema.study.c.entered + 1))
            return rater, token

    def _take_invite(self, connection: Connection, code: str) -> RowMapping:
        row = _invite_row(connection, code)
        state = _invite_state(row)
        if row is None or state != "open":
            raise RefusedError(403, state)
        connection.execute(
            update(schema.invites)
            .where(schema.invites.c.code_hash == row["code_hash"])
            .values(used=schema.invites.c.used + 1)
        )
        return row

    def _check_quota(self, connection: Connection) -> None:
        quota = self.study.settings.raters
        if quota is not None:
            present = connection.execute(select(func.count()).select_from(schema.raters)).scalar_one()
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
            insert(schema.raters).values(
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
        _insert_all(
            connection,
            schema.presentations,
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
                    select(schema.raters).where(schema.raters.c.session_hash == token_hash(token))
                )
                .mappings()
                .first()
            )
        return None if row is None else _rater(row)

    def save_check(self, rater: str, check: Check) -> None:
        """Keep what the viewing check found."""
        with self.writing() as connection:
            connection.execute(
                update(schema.raters)
                .where(schema.raters.c.id == rater)
                .values(checked=msgspec.json.encode(check).decode())
            )

    def save_rest(self, rater: str, at: int) -> None:
        """The break that began after `at` ratings is over."""
        with self.writing() as connection:
            connection.execute(
                update(schema.raters)
                .where(
                    schema.raters.c.id == rater, schema.raters.c.rested_at < at, schema.raters.c.done >= at
                )
                .values(rested_at=at)
            )

    # -- rating ------------------------------------------------------------------------------

    def upcoming(self, rater: str, count: int) -> list[Presentation]:
        """Return the presentation now due and those after it."""
        p, r = schema.presentations.c, schema.raters.c
        with self.reading() as connection:
            rows = connection.execute(
                select(p.id, p.position, p.phase, p.stimulus, p.other, p.repeat)
                .join(schema.raters, r.id == p.rater)
                .where(p.rater == rater, p.position >= r.done)
                .order_by(p.position)
                .limit(count)
            )
            return [Presentation(*row) for row in rows]

    def rate(self, rater: str, answer: Answer) -> bool:
        """Store one answer in one transaction. Return whether the calibration or study goes on.

        An answer stored already is harmless when it says the same (CONTRACTS: 200), else refused.
        """
        with self.writing() as connection:
            due = self._presentation(connection, rater, answer.presentation)
            if due["score"] is None:
                if due["closed_at"]:
                    raise RefusedError(403, "closed")
                if due["position"] != due["done"]:
                    raise RefusedError(409, "not due yet")
                if self._advance(connection, rater, due):
                    connection.execute(insert(schema.ratings).values(_rating_values(answer)))
                    return bool(due["done"] + 1 < due["total"])
                due = self._presentation(connection, rater, answer.presentation)  # another tab was faster
            if due["score"] != answer.score:
                raise RefusedError(409, "stored already with another score")
            return bool(due["done"] < due["total"])

    def _presentation(self, connection: Connection, rater: str, presentation: str) -> RowMapping:
        p, r = schema.presentations.c, schema.raters.c
        row = (
            connection.execute(
                select(p.position, r.done, r.total, schema.ratings.c.score, schema.study.c.closed_at)
                .select_from(schema.presentations)
                .join(schema.raters, r.id == p.rater)
                .join(schema.study, schema.study.c.fingerprint == self.study.fingerprint)
                .outerjoin(schema.ratings, schema.ratings.c.presentation == p.id)
                .where(p.id == presentation, p.rater == rater)
            )
            .mappings()
            .first()
        )
        if row is None:
            raise RefusedError(404, "no such presentation")
        return row

    def _advance(self, connection: Connection, rater: str, due: RowMapping) -> bool:
        """Move the rater on; False when a concurrent answer did so first."""
        last = due["done"] + 1 == due["total"]
        values: dict[str, Any] = {"done": schema.raters.c.done + 1}
        if last:
            values["finished_at"] = now_text()
            values["completion_code"] = self.study.settings.completion_code or random_code(10).upper()
        moved = connection.execute(
            update(schema.raters)
            .where(schema.raters.c.id == rater, schema.raters.c.done == due["done"])
            .values(values)
        )
        return moved.rowcount == 1

    def pace(self, rater: str, last: int = 40) -> list[float]:
        """Return the seconds of the last answers, newest first."""
        p = schema.presentations.c
        with self.reading() as connection:
            return list(
                connection.execute(
                    select(schema.ratings.c.seconds)
                    .join(schema.presentations, p.id == schema.ratings.c.presentation)
                    .where(p.rater == rater)
                    .order_by(p.position.desc())
                    .limit(last)
                ).scalars()
            )

    # -- the researcher looks ----------------------------------------------------------------

    def rater_rows(self) -> list[dict[str, Any]]:
        """Return every rater's row, in the order they came, without session hashes."""
        columns = [column for column in schema.raters.c if column.name != "session_hash"]
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select(*columns).order_by(columns[1])).mappings()]

    def rating_rows(self) -> list[RowMapping]:
        """Return every rating with its presentation, by rater and position."""
        p, r, a = schema.presentations.c, schema.raters.c, schema.ratings.c
        with self.reading() as connection:
            return list(
                connection.execute(
                    select(p.rater, p.position, p.phase, p.stimulus, p.other, p.repeat, *a)
                    .select_from(schema.ratings)
                    .join(schema.presentations, p.id == a.presentation)
                    .join(schema.raters, r.id == p.rater)
                    .order_by(r.number, p.position)
                ).mappings()
            )

    def invite_rows(self) -> list[dict[str, Any]]:
        """Return how the invites stand, without their hashes."""
        columns = [column for column in schema.invites.c if column.name != "code_hash"]
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(select(*columns).order_by(columns[0])).mappings()]

    def forget(self, rater: str) -> dict[str, int]:
        """Remove all rows of one person. Return how many went, by table."""
        p = schema.presentations
        with self.writing() as connection:
            if not _row(connection, rater):
                raise InputError(f"no rater called {rater!r}: `mos status` lists them")
            of_rater = select(p.c.id).where(p.c.rater == rater)
            statements = {
                "ratings": schema.ratings.delete().where(schema.ratings.c.presentation.in_(of_rater)),
                "presentations": p.delete().where(p.c.rater == rater),
                "invites": schema.invites.delete().where(schema.invites.c.rater == rater),
                "raters": schema.raters.delete().where(schema.raters.c.id == rater),
            }
            return {table: connection.execute(statement).rowcount for table, statement in statements.items()}

    def restore(
        self,
        raters: Sequence[dict[str, Any]],
        presentations: Sequence[dict[str, Any]],
        ratings: Sequence[dict[str, Any]],
    ) -> None:
        """Put imported rows in, all or none; a clash with what is there raises InputError."""
        try:
            with self.writing() as connection:
                entered = connection.execute(select(schema.study.c.entered).with_for_update()).scalar_one()
                numbered = [{**row, "number": entered + i} for i, row in enumerate(raters)]
                for table, rows in (
                    (schema.raters, numbered),
                    (schema.presentations, presentations),
                    (schema.ratings, ratings),
                ):
                    _insert_all(connection, table, rows)
                connection.execute(update(schema.study).values(entered=entered + len(raters)))
        except IntegrityError:
            raise InputError(
                "some of these raters or presentations are in the study already: nothing was imported"
            ) from None


def _insert_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in one statement: 1128 round trips to PostgreSQL would keep the next rater waiting."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        sql = f"INSERT INTO {table.name} SELECT * FROM json_populate_recordset(NULL::{table.name}, :rows)"  # noqa: S608
        rows_type = bindparam("rows", type_=JSON)
        connection.execute(text(sql).bindparams(rows_type), {"rows": list(rows)})
    else:
        connection.execute(insert(table), list(rows))


def _row(connection: Connection, rater: str) -> bool:
    return (
        connection.execute(select(schema.raters.c.id).where(schema.raters.c.id == rater)).first() is not None
    )


def _invite_row(connection: Connection, code: str) -> RowMapping | None:
    statement = select(schema.invites).where(schema.invites.c.code_hash == token_hash(code))
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


def _rating_values(answer: Answer) -> dict[str, Any]:
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

"""A study's database connection: one transaction a change, and one study a database."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

from sqlalchemy import JSON, Connection, Table, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from mos_app.store import tables
from mos_app.store.connection import open_engine, reader_of, url_for
from mos_app.study.clock import now_text
from mos_app.study.definition import Study, load
from sr_models.data.errors import InputError


class StudyDatabase:
    """A study bound to its database, and whether it takes ratings."""

    def __init__(self, study: Study, url: str) -> None:
        self.study = study
        self.url = url
        self._engine = open_engine(url)
        self._reader = reader_of(self._engine)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._one_writer = threading.Lock()
        try:
            self._bind()
        except IntegrityError:  # another replica bound the empty database in this moment
            self._bind()
        except InputError:
            self.close_connections()
            raise

    @classmethod
    def open(cls, folder: str | Path, database: str | None = None) -> Self:
        """Return the study in folder on its database, whose tables are brought up to date."""
        return cls(load(folder), url_for(Path(folder), database))

    def close_connections(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()
        self._reader.dispose()

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
            bound = connection.execute(select(tables.study.c.fingerprint, tables.study.c.name)).first()
            if bound is None:
                connection.execute(
                    insert(tables.study).values(
                        fingerprint=self.study.fingerprint, name=self.study.name, entered=0
                    )
                )
            elif bound.fingerprint != self.study.fingerprint:
                raise InputError(
                    f"the database holds the study {bound.name!r} in another version than this folder: "
                    "each study needs a database of its own"
                )

    def closed_at(self) -> str | None:
        """Return when the study was closed, or None while it takes ratings."""
        with self.reading() as connection:
            return cast("str | None", connection.execute(select(tables.study.c.closed_at)).scalar_one())

    def set_closed(self, closed: bool) -> None:
        """Close the study, or take ratings again."""
        with self.writing() as connection:
            connection.execute(update(tables.study).values(closed_at=now_text() if closed else None))

    def admin_hash(self) -> str | None:
        """Return the hash of the admin's password, None before the first start."""
        with self.reading() as connection:
            return cast("str | None", connection.execute(select(tables.study.c.admin_hash)).scalar_one())

    def set_admin_hash(self, value: str) -> None:
        """Keep the hash of a new admin password."""
        with self.writing() as connection:
            connection.execute(update(tables.study).values(admin_hash=value))


def insert_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in one statement: 1128 round trips to PostgreSQL would keep the next rater waiting."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        sql = f"INSERT INTO {table.name} SELECT * FROM json_populate_recordset(NULL::{table.name}, :rows)"  # noqa: S608
        rows_type = bindparam("rows", type_=JSON)
        connection.execute(text(sql).bindparams(rows_type), {"rows": list(rows)})
    else:
        connection.execute(insert(table), list(rows))

"""A study's database as one value: SQLite beside the study, or PostgreSQL by URL, its tables up to date.

Everything else in this room is functions that take such a `Database` first.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Connection, Engine, Table, bindparam, create_engine, event, insert, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from mos_app.store import tables
from mos_app.store.postgres import postgres_engine
from mos_app.study.current import CurrentStudy
from mos_app.study.definition import Study, load
from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

DATABASE_FILE = "study.db"
URL_FILE = "database.url"
PRIVATE = 0o600
"""For files that hold what people said, or a password."""


@dataclass(frozen=True)
class Database:
    """A study and the database that holds its raters and ratings. Safe to share between threads."""

    url: str
    _current: CurrentStudy
    _engine: Engine
    _reader: Engine
    _one_writer: threading.Lock = field(default_factory=threading.Lock)

    @property
    def study(self) -> Study:
        """The study as it is now. Ask once where two answers must agree: a block may be added in between."""
        return self._current.get()

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of ours; else it is PostgreSQL's."""
        return self._engine.dialect.name == "sqlite"

    @property
    def address(self) -> URL:
        """Where the database is, password included."""
        return self._engine.url

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction. SQLite has one writer at a time, so we queue here instead of polling its lock."""
        if self.is_sqlite:
            with self._one_writer, self._engine.begin() as connection:
                yield connection
        else:
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own and sees what is committed."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all statements see the database as the first one found it; it never writes.

        SQLite's writers are not held up by it.
        """
        if self.is_sqlite:
            with self._reader.connect() as connection:
                connection.exec_driver_sql("BEGIN")  # deferred: it takes no lock of the writers
                yield connection
        else:
            with self._engine.connect() as connection:
                yield connection.execution_options(isolation_level="REPEATABLE READ")

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()
        self._reader.dispose()


def open_database(folder: str | Path, url: str | None = None) -> Database:
    """Return the database of the study in folder, its tables brought up to date."""
    return bind_database(load(folder), url_for(Path(folder), url), folder=folder)


def bind_database(study: Study, url: str, *, folder: str | Path | None = None) -> Database:
    """Return the study's database at url. An empty database becomes this study's; another study's raises.

    folder: where the study lies, so that blocks which are added to it are seen.
    """
    engine = open_engine(url)
    database = Database(url, CurrentStudy(study, folder), engine, reader_of(engine))
    try:
        _bind(database)
    except IntegrityError:  # another replica bound the empty database in this moment
        _bind(database)
    except InputError:
        database.close()
        raise
    return database


def _bind(database: Database) -> None:
    study = database.study
    with database.writing() as connection:
        bound = connection.execute(select(tables.study.c.fingerprint, tables.study.c.name)).first()
        if bound is None:
            connection.execute(
                insert(tables.study).values(fingerprint=study.fingerprint, name=study.name, entered=0)
            )
        elif bound.fingerprint != study.fingerprint:
            raise InputError(
                f"the database holds the study {bound.name!r} in another version than this folder: "
                "each study needs a database of its own"
            )


def url_for(folder: Path, given: str | None) -> str:
    """Return the database's URL: the one given, else SRMOS_DATABASE, else the study's own.

    A URL given to `mos new` is kept in the study's folder (readable by its owner only), so that
    later commands need not repeat it.
    """
    kept = folder / URL_FILE
    if given or os.environ.get("SRMOS_DATABASE"):
        return given or os.environ["SRMOS_DATABASE"]
    return kept.read_text().strip() if kept.exists() else f"sqlite:///{(folder / DATABASE_FILE).resolve()}"


def keep_url(folder: Path, url: str) -> None:
    """Remember a database outside the folder."""
    write_bytes(folder / URL_FILE, url.encode() + b"\n", mode=PRIVATE)


def open_engine(url: str) -> Engine:
    """Return an engine on an up-to-date database."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter: a port that is no number
        raise InputError(
            "the database URL cannot be read; expected postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE"
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            engine = create_engine(
                parsed, connect_args={"timeout": 30, "check_same_thread": False}, hide_parameters=True
            )
            _make_private(parsed.database)
            _prepare_sqlite(engine)
        case "postgresql":
            engine = postgres_engine(parsed)
        case other:
            raise InputError(f"expected an SQLite or PostgreSQL database, got {other}")
    _migrate(engine)
    return engine


def reader_of(engine: Engine) -> Engine:
    """Return an engine for single statements, each of which sees what is committed.

    On PostgreSQL it has connections of its own: switching one to autocommit and back costs two round trips.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return postgres_engine(engine.url, isolation_level="AUTOCOMMIT")


def _make_private(file: str | None) -> None:
    """Only the owner reads an SQLite file; SQLite gives its log (-wal, -shm) the same mode."""
    if not file or file == ":memory:":
        return
    if os.path.exists(file) and not os.path.isfile(file):
        raise InputError(f"the database cannot be opened: {file} is no file")
    try:
        # A file that exists is never opened here: closing it would drop the locks that SQLite holds on it in
        # this process, and another process could then delete the log under a running server.
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
        for part in (file, f"{file}-wal", f"{file}-shm"):
            if os.path.exists(part):
                os.chmod(part, PRIVATE)
    except OSError as error:
        raise InputError(f"the database cannot be opened: {error}") from None


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise cannot_open(error) from None


def cannot_open(error: DBAPIError) -> InputError:
    """Return as one sentence why the database cannot be opened: it is away, the password, a right."""
    told = error.orig.args[0] if error.orig and error.orig.args else error
    reason = told["M"] if isinstance(told, dict) else str(told).splitlines()[0].partition(" (timeout")[0]
    return InputError(f"the database cannot be opened: {reason}")


def _prepare_sqlite(engine: Engine) -> None:
    """WAL and synchronous FULL: an acknowledged rating survives a power cut (sqlite.org/pragma.html).

    Writers take the lock at BEGIN: a transaction that reads first and then writes could otherwise
    fail half way with 'database is locked'.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")


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

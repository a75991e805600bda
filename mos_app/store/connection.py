"""Opens a study's database: SQLite beside the study, or PostgreSQL by URL; brings its tables up to date."""

import os
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import ArgumentError, OperationalError

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

DATABASE_FILE = "study.db"
URL_FILE = "database.url"
POOL_CONNECTIONS = 8


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
    write_bytes(folder / URL_FILE, url.encode() + b"\n")
    os.chmod(folder / URL_FILE, 0o600)


def open_engine(url: str) -> Engine:
    """Return an engine on an up-to-date database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError(
            "the database URL cannot be read; wanted postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE"
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})
            _prepare_sqlite(engine)
        case "postgresql":
            engine = _postgres(parsed)
        case other:
            raise InputError(f"studies live in SQLite or PostgreSQL, not {other}")
    _migrate(engine)
    return engine


def reader_of(engine: Engine) -> Engine:
    """Return an engine for single statements, each of which sees what is committed.

    On PostgreSQL it has connections of its own: switching one to autocommit and back costs two round trips.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return _postgres(engine.url, isolation_level="AUTOCOMMIT")


def _postgres(url: URL, isolation_level: IsolationLevel = "READ COMMITTED") -> Engine:
    return create_engine(
        url.set(drivername="postgresql+pg8000"),
        isolation_level=isolation_level,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,  # waiting for a connection is quicker than opening one more
        pool_use_lifo=True,
        pool_pre_ping=True,
    )


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise InputError(f"the database does not open: {str(error.orig).splitlines()[0]}") from None


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

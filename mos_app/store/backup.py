"""A study's database as one file, copied while raters rate, and put back.

SQLite's own backup copies pages under a lock of microseconds and starts again where a rating came in between;
`pg_dump` reads one snapshot. Both show the database as it was at one moment.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import URL

from mos_app.store import tables
from mos_app.store.connection import Database
from sr_models.data.errors import InputError

SQLITE_SUFFIX, POSTGRES_SUFFIX = ".sqlite", ".dump"
_SQLITE_MAGIC, _POSTGRES_MAGIC = b"SQLite format 3\0", b"PGDMP"
_PAGES = 256  # of 4 KiB, between which a waiting rating gets its turn


@dataclass(frozen=True)
class Content:
    """What a database held at one moment."""

    raters: int
    ratings: int

    def text(self) -> str:
        """Return `12 raters, 3400 ratings`."""
        return f"{self.raters} raters, {self.ratings} ratings"


def backup(db: Database, to: Path) -> Content:
    """Write the database as it is at one moment to the file `to`, and return what it held.

    The file appears whole or not at all, readable by its owner only: it holds session and link hashes.
    Raises InputError where `to` exists, or where PostgreSQL's `pg_dump` fails or is not installed.
    """
    if to.exists():
        raise InputError(f"{to} exists: a backup never replaces another file")
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{to.name}.part")
    os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        content = _copy_sqlite(db, partial) if db.is_sqlite else _dump_postgres(db, partial)
        os.replace(partial, to)
    finally:
        partial.unlink(missing_ok=True)
    return content


def restore(db: Database, source: Path, *, replace: bool = False) -> Content:
    """Make the database what it was when `source` was written, and return what it holds then.

    Whole or not at all: what stops half way leaves the database as it was. Raises InputError where the file
    is of another study or kind of database, and, without `replace`, where the database holds raters.
    """
    if not replace and (there := _content(db)).raters:
        raise InputError(
            f"the database holds {there.text()}, which would be lost: back it up, then give --replace"
        )
    magic = _first_bytes(source, 16)
    if db.is_sqlite:
        if magic != _SQLITE_MAGIC:
            raise InputError(f"{source}: not a backup of an SQLite database, as this study's is")
        _restore_sqlite(db, source)
    else:
        if not magic.startswith(_POSTGRES_MAGIC):
            raise InputError(f"{source}: not a backup of a PostgreSQL database, as this study's is")
        _restore_postgres(db, source)
    return _content(db)


def default_name(db: Database, now: str) -> str:
    """Return `NAME-20261128T071500Z` with the suffix of the database's kind; now is ISO 8601 in UTC."""
    stamp = now.partition(".")[0].removesuffix("Z").replace("-", "").replace(":", "")
    return f"{db.study.name}-{stamp}Z{SQLITE_SUFFIX if db.is_sqlite else POSTGRES_SUFFIX}"


def _content(db: Database) -> Content:
    with db.reading() as connection:
        return _counted(connection)


def _counted(connection: Connection) -> Content:
    raters, ratings = (
        connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (tables.raters, tables.ratings)
    )
    return Content(raters, ratings)


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _copy_sqlite(db: Database, to: Path) -> Content:
    with _sqlite(_file(db)) as source, _sqlite(to) as copy:
        source.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        return _checked_sqlite(copy, to, db.study.fingerprint)


def _restore_sqlite(db: Database, source: Path) -> None:
    with _sqlite(source, read_only=True) as copy:
        _checked_sqlite(copy, source, db.study.fingerprint)
        with _sqlite(_file(db)) as target:  # one transaction: others see all of it or nothing
            copy.backup(target)


def _checked_sqlite(connection: sqlite3.Connection, path: Path, fingerprint: str) -> Content:
    """Return what a copy holds, or raise InputError where it is damaged or another study's."""
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise InputError(f"{path}: the copy is damaged ({verdict.splitlines()[0]})")
        found = connection.execute("SELECT fingerprint FROM study").fetchone()
        raters, ratings = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("raters", "ratings")
        )
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: not a study's database ({error})") from None
    if found is None or found[0] != fingerprint:
        raise InputError(f"{path}: a backup of another study, or of another version of this one")
    return Content(raters, ratings)


def _file(db: Database) -> Path:
    return Path(str(db.address.database))


@contextlib.contextmanager
def _sqlite(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _dump_postgres(db: Database, to: Path) -> Content:
    """Let pg_dump read the very snapshot that is counted here."""
    with db.snapshot() as connection:
        name = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        content = _counted(connection)
        options = ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={name}", f"--file={to}"]
        _run_postgres("pg_dump", options, db.address)
    return content


def _restore_postgres(db: Database, source: Path) -> None:
    """Replace the tables in one transaction."""
    how = ["--clean", "--if-exists", "--no-owner", "--no-acl", "--single-transaction", "--exit-on-error"]
    try:
        study = _run_postgres("pg_restore", ["--data-only", "--table=study", "--file=-", str(source)])
        if db.study.fingerprint not in study:
            raise InputError("a backup of another study, or of another version of this one")
        _run_postgres("pg_restore", [*how, str(source)], db.address)
    except InputError as error:
        raise InputError(f"{source}: {error}; the database is as it was") from None


def _run_postgres(program: str, options: list[str], address: URL | None = None) -> str:
    """Run one of PostgreSQL's programs; the password goes by the environment, where `ps` does not show it."""
    if shutil.which(program) is None:
        raise InputError(f"{program} is not installed: on Debian it is in the package postgresql-client")
    environment = dict(os.environ)
    if address is not None:
        place = address.set(drivername="postgresql", password=None).render_as_string()
        options = [f"--dbname={place}", *options]
        if address.password is not None:
            environment["PGPASSWORD"] = str(address.password)
    done = subprocess.run(  # noqa: S603
        [program, *options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError((done.stderr.splitlines() or [f"{program} failed and gave no reason"])[0])
    return done.stdout

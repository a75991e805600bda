"""Whether a study takes ratings, and the hash of its admin password."""

from typing import cast

from sqlalchemy import select, update

from mos_app.store import tables
from mos_app.store.connection import Database
from mos_app.study.clock import now_text


def closed_at(db: Database) -> str | None:
    """Return when the study was closed, or None while it takes ratings."""
    with db.reading() as connection:
        return cast("str | None", connection.execute(select(tables.study.c.closed_at)).scalar_one())


def set_closed(db: Database, closed: bool) -> None:
    """Close the study, or take ratings again."""
    with db.writing() as connection:
        connection.execute(update(tables.study).values(closed_at=now_text() if closed else None))


def admin_hash(db: Database) -> str | None:
    """Return the hash of the admin's password, None before the first start."""
    with db.reading() as connection:
        return cast("str | None", connection.execute(select(tables.study.c.admin_hash)).scalar_one())


def set_admin_hash(db: Database, value: str) -> None:
    """Keep the hash of a new admin password."""
    with db.writing() as connection:
        connection.execute(update(tables.study).values(admin_hash=value))

"""Whether a study takes people and ratings, what was edited since it was frozen, and by whom."""

import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import Connection, insert, select, update

from mos_app.store import tables
from mos_app.store.connection import Database
from mos_app.study.clock import now_text
from mos_app.study.definition import Settings, Study
from mos_app.study.validity import check_settings, is_within
from sr_models.data.errors import InputError

EDITABLE = (
    "title",
    "contact",
    "raters",
    "hours",
    "completion_url",
    "screen_out_code",
    "screen_out_url",
    "texts",
)
"""What no rating depends on. Pictures, method, order and scale stay as they were frozen."""

Closing = Literal["closed", "paused", "hours"]


@dataclass(frozen=True)
class Standing:
    """A study at this moment."""

    settings: Settings
    """With what was edited."""
    closed_at: str | None
    paused_at: str | None
    shut: Closing | None
    """Why nobody may rate now; None while they may."""


def standing(db: Database) -> Standing:
    """Return how the study stands now."""
    with db.reading() as connection:
        return standing_on(connection, db.study)


def standing_on(connection: Connection, study: Study) -> Standing:
    """Return how the study stands, on a connection that is in use."""
    columns = (tables.study.c.closed_at, tables.study.c.paused_at, tables.study.c.edited)
    row = connection.execute(select(*columns)).one()
    settings = _with_edits(study.settings, row.edited)
    shut: Closing | None = None
    if row.closed_at:
        shut = "closed"
    elif row.paused_at:
        shut = "paused"
    elif settings.hours and not is_within(settings.hours, datetime.now(UTC)):
        shut = "hours"
    return Standing(settings, row.closed_at, row.paused_at, shut)


def _with_edits(settings: Settings, edited: str | None) -> Settings:
    if not edited:
        return settings
    return msgspec.convert({**msgspec.to_builtins(settings), **json.loads(edited)}, Settings)


def closed_at(db: Database) -> str | None:
    """Return when the study was closed, or None while it takes ratings."""
    return standing(db).closed_at


def set_closed(db: Database, closed: bool, *, who: str | None = None) -> None:
    """Close the study, or take ratings again."""
    _set_moment(db, "closed_at", "closed" if closed else "reopened", closed, who)


def set_paused(db: Database, paused: bool, *, who: str | None = None) -> None:
    """Let nobody begin or go on for a while, or let them again. What is on its way is still stored."""
    _set_moment(db, "paused_at", "paused" if paused else "resumed", paused, who)


def _set_moment(db: Database, name: str, what: str, on: bool, who: str | None) -> None:
    column = tables.study.c[name]
    with db.writing() as connection:
        before = connection.execute(select(column)).scalar_one()
        after = (before or now_text()) if on else None
        if before == after:
            return
        connection.execute(update(tables.study).values({name: after}))
        log_change(connection, what, before, after, who=who)


def edit_study(db: Database, changes: Mapping[str, Any], *, who: str | None = None) -> list[str]:
    """Change settings that no rating depends on, all or none; each change goes into the log.

    Returns the names of what is different now. `texts` are merged: a text None is ours again. Raises
    InputError for a setting that is frozen or cannot be meant.
    """
    frozen = sorted(set(changes) - set(EDITABLE))
    if frozen:
        raise InputError(
            f"{frozen[0]} is frozen, because ratings depend on it: expected {', '.join(EDITABLE)}"
        )
    with db.writing() as connection:
        row = connection.execute(select(tables.study.c.edited).with_for_update()).scalar_one()
        old = msgspec.to_builtins(_with_edits(db.study.settings, row))
        new = {**old, **changes}
        if "texts" in changes:
            merged = {**old["texts"], **changes["texts"]}
            new["texts"] = {name: text for name, text in merged.items() if text is not None}
        try:
            settings = msgspec.convert(new, Settings)
        except msgspec.ValidationError as error:
            raise InputError(f"a setting cannot be read: {error}") from None
        check_settings(settings)
        different = [name for name in changes if new[name] != old[name]]
        frozen_values = msgspec.to_builtins(db.study.settings)
        edited = {name: new[name] for name in EDITABLE if new[name] != frozen_values[name]}
        connection.execute(update(tables.study).values(edited=json.dumps(edited) if edited else None))
        for name in different:
            log_change(connection, name, old[name], new[name], who=who)
    return different


def add_raters(db: Database, more: int, *, who: str | None = None) -> int:
    """Let so many more people in; return how many may enter now."""
    if more < 1:
        raise InputError(f"--raters: expected at least 1 more, got {more}")
    now = standing(db).settings.raters
    if now is None:
        raise InputError("this study has no limit of raters: there is nothing to extend")
    edit_study(db, {"raters": now + more}, who=who)
    return now + more


def log_change(connection: Connection, what: str, before: object, after: object, *, who: str | None) -> None:
    """Put one line into the log of changes."""
    line = {"at": now_text(), "who": who or _account(), "what": what}
    connection.execute(insert(tables.changes).values(**line, before=_told(before), after=_told(after)))


def change_rows(db: Database) -> list[dict[str, Any]]:
    """Return the log of changes, the oldest first: `at, who, what, before, after`."""
    c = tables.changes.c
    with db.reading() as connection:
        found = connection.execute(select(c.at, c.who, c.what, c.before, c.after).order_by(c.id))
        return [dict(row) for row in found.mappings()]


def _told(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, in a container
        return "command line"


def admin_hash(db: Database) -> str | None:
    """Return the hash of the admin's password, None before the first start."""
    with db.reading() as connection:
        return cast("str | None", connection.execute(select(tables.study.c.admin_hash)).scalar_one())


def set_admin_hash(db: Database, value: str, *, who: str | None = None) -> None:
    """Keep the hash of a new admin password; everybody who is signed in is signed out."""
    with db.writing() as connection:
        connection.execute(update(tables.study).values(admin_hash=value))
        connection.execute(tables.admin_sessions.delete())
        log_change(connection, "admin password", None, None, who=who)

"""Adding a block of pictures to a study that runs: the one way, for `mos extend` and the admin page."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from mos_app.store import tables
from mos_app.store.connection import Database
from mos_app.store.state import log_change
from mos_app.study.definition import Study, load, save
from mos_app.study.freeze import Limits, grown_by, rated_versions
from mos_app.study.sources import Version
from sr_models.data.errors import InputError


def add_block(
    db: Database,
    folder: str | Path,
    versions: Sequence[Version],
    *,
    limits: Limits | None = None,
    copy: bool = True,
    who: str | None = None,
) -> Study:
    """Return the study with one more block, written into its folder and into the log of changes.

    What was there stays. Raises InputError, and changes nothing, where the pictures do not fit the study,
    the folder cannot be written, or another block was added in the meantime.
    """
    study = load(folder)
    if study.fingerprint != db.study.fingerprint:
        raise InputError(f"{folder}: not the study of this database")
    try:
        grown = grown_by(study, folder, versions, limits=limits, copy=copy)
        with db.writing() as connection:
            connection.execute(select(tables.study.c.fingerprint).with_for_update())  # one at a time
            if load(folder).blocks != study.blocks:
                raise InputError("another block was added in the meantime: look at the study, and try again")
            log_change(connection, f"block {grown.blocks}", None, told(study, versions), who=who)
            save(grown, folder)
    except OSError as error:
        raise InputError(f"{folder}: the block cannot be written ({error.strerror})") from None
    return grown


def told(study: Study, versions: Sequence[Version]) -> str:
    """Return how much a block of these versions holds, without names of methods."""
    rated = rated_versions(study.settings, versions)
    pictures = len({(version.dataset, version.picture) for version in rated})
    return f"{pictures} {'picture' if pictures == 1 else 'pictures'} in {len(rated)} versions"

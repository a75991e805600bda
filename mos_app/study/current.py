"""The study in a folder as it is now: a block may be added to it while a server shows it."""

import os
from pathlib import Path

from mos_app.study.definition import STUDY_FILE, Study, load
from sr_models.data.errors import InputError

Stamp = tuple[int, int, int]


class CurrentStudy:
    """A study that is read again when its file was written. Safe to share between threads."""

    def __init__(self, study: Study, folder: str | Path | None = None) -> None:
        self._file = None if folder is None else Path(folder) / STUDY_FILE
        self._read: tuple[Stamp | None, Study] = (None, study)

    def get(self) -> Study:
        """Return the study; one call sees all of a block or nothing of it."""
        if self._file is None:
            return self._read[1]
        stamp, study = self._read
        now = _stamp(self._file)
        if now is not None and now != stamp:
            study = self._grown(study)
            self._read = (now, study)
        return study

    def _grown(self, study: Study) -> Study:
        """Return what the file holds, where it is the same study and no less of it."""
        try:
            found = load(self._file.parent) if self._file else study
        except InputError:
            return study  # what was opened stays good
        return found if found.fingerprint == study.fingerprint and found.blocks >= study.blocks else study


def _stamp(file: Path) -> Stamp | None:
    try:
        now = os.stat(file)
    except OSError:
        return None
    return now.st_ino, now.st_mtime_ns, now.st_size

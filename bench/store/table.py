"""Rows on disk, in CSV files that survive a crash."""

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import BinaryIO, Generic, TypeVar

import msgspec
from filelock import FileLock, Timeout

from bench.store.rows import Profile, SavedPicture, Score
from sr_models.data.errors import InputError
from sr_models.data.image import PARTIAL, write_bytes

_SCORES_BEFORE = [
    "model", "dataset", "scale", "lr", "image", "protocol", "metric", "value", "key",
]  # fmt: skip
"""The head of scores.csv before rows had a variant and a signature."""

SHARDS = "shards"
"""Below a results folder: parts of a run that are not folded in yet, each a results folder of its own."""

Row = TypeVar("Row", Score, SavedPicture, Profile)


class Table(Generic[Row]):
    """A sorted CSV file, one row an identity. Rows are safe once `add` returns, even from SIGKILL.

    New rows go to a journal beside the file; `merge` folds the journal into the file, whole or not at all.
    Only `merge` waits for the disk: a power cut may cost what was added in the seconds before it.
    """

    def __init__(self, path: Path, kind: type[Row]) -> None:
        self.path = path
        self._kind: type[Row] = kind
        self._journal = path.with_name(f".{path.name}.journal")
        self._is_on_disk = path.exists() and not self._journal.exists()
        self._rows: dict[tuple[object, ...], Row] = {
            row.identity: row for source in (path, self._journal) for row in self._read(source)
        }

    def __iter__(self) -> Iterator[Row]:
        return iter(sorted(self._rows.values()))

    def get(self, identity: tuple[object, ...]) -> Row | None:
        """Return the row of that identity, if there is one."""
        return self._rows.get(identity)

    def drop(self, identities: Iterable[tuple[object, ...]]) -> int:
        """Forget rows and return how many there were; the file forgets them when it is merged."""
        dropped = sum(self._rows.pop(identity, None) is not None for identity in identities)
        self._is_on_disk &= not dropped
        return dropped

    def add(self, rows: Iterable[Row]) -> None:
        """Add or replace rows; a score that is NaN raises ValueError."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        self._is_on_disk = False
        for row in rows:
            if isinstance(row, Score) and math.isnan(row.value):
                raise ValueError(f"{row.metric} of {row.dataset}/{row.image}: expected a number, got nan")
            self._rows[row.identity] = row
            writer.writerow(_cells(row))
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        with self._journal.open("a+b") as file:
            if file.tell() and _last_byte(file) != b"\n":
                file.write(b"\n")  # a torn row is left behind by a kill: close it off
            file.write(text.getvalue().encode())

    def merge(self) -> None:
        """Write all rows to the file, sorted, and drop the journal; nothing where the file has them all."""
        if self._is_on_disk:
            return
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(item.name for item in fields(self._kind))
        writer.writerows(_cells(row) for row in self)
        write_bytes(self.path, text.getvalue().encode())
        self._journal.unlink(missing_ok=True)
        self._is_on_disk = True

    def _read(self, path: Path) -> Iterator[Row]:
        if not path.exists():
            return
        header = [item.name for item in fields(self._kind)]
        for number, cells in enumerate(csv.reader(io.StringIO(self._text(path), newline="")), 1):
            if cells in (header, _SCORES_BEFORE):
                continue
            try:
                yield _parse(self._kind, _upgraded(cells) if self._kind is Score else cells)
            except (TypeError, ValueError) as error:
                if path == self._journal:
                    continue  # torn by a kill: it will be computed again
                raise InputError(f"{path}, line {number}: expected {', '.join(header)}: {error}") from error

    def _text(self, path: Path) -> str:
        """A kill may tear the journal within a letter; what is left of that row will not parse."""
        try:
            return path.read_bytes().decode(errors="replace" if path == self._journal else "strict")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold a results folder for one run; a second one is refused at once. The lock goes with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"another run is writing into {folder}: wait until it ends, or take another folder (--results)"
        ) from None
    try:
        for litter in folder.rglob(f".*{PARTIAL}"):
            if SHARDS not in litter.relative_to(folder).parts:  # somebody may be writing there
                litter.unlink()
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class Tables:
    """The rows that a run reads and writes."""

    folder: Path
    """The results folder."""
    scores: Table[Score]
    saved: Table[SavedPicture]

    def forget(self, pictures: Iterable[SavedPicture]) -> None:
        """Delete saved pictures, files and rows."""
        for row in pictures:
            self.saved.drop([row.identity])
            (self.folder / "images" / row.path).unlink(missing_ok=True)

    def merge(self) -> None:
        """Write both tables whole."""
        self.scores.merge()
        self.saved.merge()


def open_tables(folder: Path) -> Tables:
    """Return the scores of a results folder and the index of its pictures, journals included."""
    return Tables(folder, scores_table(folder), pictures_table(folder))


def scores_table(folder: Path) -> Table[Score]:
    """Return the scores of a results folder, journal included."""
    return Table(folder / "scores.csv", Score)


def pictures_table(folder: Path) -> Table[SavedPicture]:
    """Return the index of the pictures in a results folder."""
    return Table(folder / "images" / "index.csv", SavedPicture)


def read_scores(folder: Path) -> list[Score]:
    """Return the scores of a finished or interrupted run; raises InputError where there are none."""
    check_folder(folder)
    scores = list(scores_table(folder))
    if not scores:
        raise InputError(f"{folder} holds no scores.csv: make one with `bench run --results {folder}`")
    return scores


def check_folder(folder: Path) -> None:
    """Raise InputError where there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of a `bench run`")


def profiles_table(folder: Path) -> Table[Profile]:
    """Return the profiles of a results folder, journal included."""
    return Table(folder / "profile.csv", Profile)


def read_profiles(folder: Path) -> list[Profile]:
    """Return the profiles of a results folder, sorted; none if `--profile` never ran there."""
    return list(profiles_table(folder))


def _cells(row: Score | SavedPicture | Profile) -> list[str]:
    return [_cell(value) for value in astuple(row)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _upgraded(cells: list[str]) -> list[str]:
    """Return the cells of a score; rows of older files get an empty variant and signature."""
    if len(cells) != len(_SCORES_BEFORE):
        return cells
    return [cells[0], "", *cells[1:8], "", cells[8]]


def _parse(kind: type[Row], cells: list[str]) -> Row:
    names, optional = _COLUMNS[kind]
    if len(cells) != len(names):
        raise ValueError(f"got {len(cells)} cells")
    named = {
        name: None if cell == "" and name in optional else cell
        for name, cell in zip(names, cells, strict=True)
    }
    row = msgspec.convert(named, kind, strict=False)
    if isinstance(row, Score) and math.isnan(row.value):
        raise ValueError("value: expected a number, got nan")
    return row


def _columns(kind: type) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of a table's columns, and of those that may be empty."""
    found = fields(kind)
    optional = (
        each.name for each in found if isinstance(each.type, UnionType) and NoneType in each.type.__args__
    )
    return tuple(each.name for each in found), frozenset(optional)


_COLUMNS: Mapping[type, tuple[tuple[str, ...], frozenset[str]]] = {
    kind: _columns(kind) for kind in (Score, SavedPicture, Profile)
}


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)

"""What a run leaves on disk: rows that survive a crash, and a header that says where they came from."""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from filelock import FileLock, Timeout

from sr_models.data.errors import InputError
from sr_models.data.image import PARTIAL, write_bytes

if TYPE_CHECKING:
    from bench.cost.profile import Profile


_PICTURE = re.compile(r"[^/]+/[^/]+/x[1-9][0-9]*/[^/]+\.png")


@dataclass(frozen=True, order=True)
class Score:
    """One row of scores.csv: one number."""

    model: str
    dataset: str
    scale: int
    lr: str
    image: str
    protocol: str
    metric: str
    value: float
    key: str
    """12 hex digits over everything that could change the value."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What is unique in a table: all but value and key."""
        return (self.model, self.dataset, self.scale, self.lr, self.image, self.protocol, self.metric)


@dataclass(frozen=True, order=True)
class SavedPicture:
    """One row of images/index.csv: an upscaled picture and what it was made from."""

    path: str
    """Below images/."""
    key: str
    sha256: str

    @property
    def identity(self) -> tuple[object, ...]:
        """A path holds one picture."""
        return (self.path,)


Row = TypeVar("Row", Score, SavedPicture, "Profile")


class Table(Generic[Row]):
    """A sorted CSV file, one row an identity. Rows are safe once `add` returns, even from SIGKILL.

    New rows go to a journal beside the file; `merge` folds the journal into the file, whole or not at all.
    """

    def __init__(self, path: Path, kind: type[Row]) -> None:
        self.path = path
        self._kind: type[Row] = kind
        self._journal = path.with_name(f".{path.name}.journal")
        self._rows: dict[tuple[object, ...], Row] = {
            row.identity: row for source in (path, self._journal) for row in self._read(source)
        }

    def __iter__(self) -> Iterator[Row]:
        return iter(sorted(self._rows.values()))

    def get(self, identity: tuple[object, ...]) -> Row | None:
        """Return the row of that identity, if there is one."""
        return self._rows.get(identity)

    def add(self, rows: Iterable[Row]) -> None:
        """Add or replace rows."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            self._rows[row.identity] = row
            writer.writerow(_cells(row))
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        with self._journal.open("a+b") as file:
            if file.tell() and _last_byte(file) != b"\n":
                file.write(b"\n")  # a torn row is left behind by a kill: close it off
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def merge(self) -> None:
        """Write all rows to the file, sorted, and drop the journal."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(item.name for item in fields(self._kind))
        writer.writerows(_cells(row) for row in self)
        write_bytes(self.path, text.getvalue().encode())
        self._journal.unlink(missing_ok=True)

    def _read(self, path: Path) -> Iterator[Row]:
        if not path.exists():
            return
        header = [item.name for item in fields(self._kind)]
        for number, cells in enumerate(csv.reader(io.StringIO(self._text(path), newline="")), 1):
            if cells == header:
                continue
            try:
                yield _parse(self._kind, cells)
            except (TypeError, ValueError) as error:
                if path == self._journal:
                    continue  # torn by a kill: it will be computed again
                raise InputError(f"{path}, line {number}: {', '.join(header)} wanted ({error})") from error

    def _text(self, path: Path) -> str:
        """A kill may tear the journal within a letter; what is left of that row will not parse."""
        try:
            return path.read_bytes().decode(errors="replace" if path == self._journal else "strict")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold a results folder for one run; a second one is refused at once. A killed run lets go by itself."""
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
            litter.unlink()
        yield
    finally:
        lock.release()


def scores_table(folder: Path) -> Table[Score]:
    """Return the scores of a results folder, journal included."""
    return Table(folder / "scores.csv", Score)


def pictures_table(folder: Path) -> Table[SavedPicture]:
    """Return the index of the pictures in a results folder."""
    return Table(folder / "images" / "index.csv", SavedPicture)


def read_scores(folder: Path) -> list[Score]:
    """Return the scores of a finished or interrupted run; raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of a `bench run`")
    scores = list(scores_table(folder))
    if not scores:
        raise InputError(f"{folder} holds no scores.csv: make one with `bench run --results {folder}`")
    return scores


def read_header(folder: Path) -> dict[str, Any]:
    """Return run.json: {"invocations": [...], "models": {...}}."""
    path = folder / "run.json"
    if not path.exists():
        return {"invocations": [], "models": {}}
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error})") from error
    if not _is_header(header):
        raise InputError(f"{path} is not a run's header: invocations (a list) and models (a table) wanted")
    return header


def _is_header(found: Any) -> bool:
    match found:
        case {"invocations": list(invocations), "models": dict(models)}:
            return all(isinstance(each, dict) for each in [*invocations, *models.values()])
    return False


def write_header(folder: Path, header: dict[str, Any]) -> None:
    """Write run.json."""
    write_bytes(folder / "run.json", (json.dumps(header, indent=1) + "\n").encode())


def _cells(row: "Score | SavedPicture | Profile") -> list[str]:
    return [_cell(value) for value in astuple(row)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _value(kind: Any, cell: str) -> Any:
    """Return a cell as its column's type; of an optional column, an empty cell is None."""
    if isinstance(kind, UnionType):
        return None if cell == "" else kind.__args__[0](cell)
    return kind(cell)


def _parse(kind: type[Row], cells: list[str]) -> Row:
    wanted = fields(kind)
    if len(cells) != len(wanted):
        raise ValueError(f"{len(cells)} cells came")
    row = kind(*(_value(item.type, cell) for item, cell in zip(wanted, cells, strict=True)))
    if not isinstance(row, SavedPicture) and len(row.key) != 12:
        raise ValueError(f"key {row.key!r} is cut short")
    if isinstance(row, SavedPicture) and not _PICTURE.fullmatch(row.path):
        raise ValueError(f"path {row.path!r} is not model/dataset/xN/picture.png")
    if isinstance(row, SavedPicture) and len(row.sha256) != 64:
        raise ValueError(f"sha256 {row.sha256!r} is cut short")
    return row


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last

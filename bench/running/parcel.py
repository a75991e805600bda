"""Work for a process that shares no folder with this one: the files that it reads travel along."""

import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from platform import node
from typing import Generic, Protocol, Self, TypeVar

from bench.metric import Metric, custom_metrics, register_custom
from bench.running.evaluate import Outcome
from sr_models.data.fetch import sha256_of


class Move(Protocol):
    """Where a unit's files are on another machine."""

    def picture(self, path: Path) -> Path:
        """Return the place of a small file, which travels with every unit that reads it."""

    def weights(self, path: Path) -> Path:
        """Return the place of a large file, which travels once to each worker."""

    def folder(self, path: Path) -> Path:
        """Return the place of a folder, of which only named files are there."""


class Unit(Protocol):
    """Work on one picture. Nothing that it returns is a file's path."""

    def moved(self, move: Move, /) -> Self:
        """Return the same work on the files that `move` names."""

    def check(self) -> None:
        """Raise InputError where this machine would compute something else than the rows say."""

    def failed(self, error: Exception, /) -> list[Outcome]:
        """Return what came of it if nothing could be done."""


U = TypeVar("U", bound=Unit)


@dataclass(frozen=True)
class Parcel(Generic[U]):
    """A unit of work with its files."""

    function: Callable[[U], list[Outcome]]
    unit: U
    pictures: Mapping[Path, bytes]
    weights: Mapping[Path, str]
    """File -> its sha256; the content comes along only if a worker asked for it, ..."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """... by sha256."""
    metrics: Sequence[Metric] = ()
    """Metrics of the user's."""

    def with_contents(self, wanted: Sequence[str]) -> "Parcel[U]":
        """Return the parcel with the large files that a worker lacks."""
        paths = {digest: path for path, digest in self.weights.items()}
        return replace(self, contents={digest: paths[digest].read_bytes() for digest in wanted})

    def failed(self, error: Exception) -> list[Outcome]:
        """Return what came of the unit if nothing could be done."""
        return self.unit.failed(error)


@dataclass(frozen=True)
class Lacking:
    """A worker's answer: it has not got these files."""

    worker: str
    wanted: tuple[str, ...]
    """Their sha256."""


def packed(function: Callable[[U], list[Outcome]], unit: U) -> Parcel[U]:
    """Return a unit with its pictures, and the hashes of its weights."""
    files = _Collected()
    moved = unit.moved(files)
    return Parcel(function, moved, files.pictures, files.digests, metrics=custom_metrics())


def opened(parcel: Parcel[U]) -> list[Outcome] | Lacking:
    """Return what came of a parcel's unit, or which files are missing here; runs on the worker.

    One at a time in a process: models and metrics set torch's switches for all of its threads.
    """
    with _ONE_AT_A_TIME:
        found = {
            path: _weights_here(path, digest, parcel.contents) for path, digest in parcel.weights.items()
        }
        wanted = tuple(parcel.weights[path] for path, here in found.items() if here is None)
        if wanted:
            return Lacking(f"{node()}/{os.getpid()}", wanted)
        for each in parcel.metrics:
            register_custom(each)
        with _unpacked(parcel.pictures) as root:
            unit = parcel.unit.moved(_Placed(root, found))
            unit.check()
            outcomes = parcel.function(unit)
        return [_with_own_paths(outcome, root, found) for outcome in outcomes]


@dataclass
class _Collected:
    """Lets a unit name its files, and keeps them."""

    pictures: dict[Path, bytes] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)

    def picture(self, path: Path) -> Path:
        path = _absolute(path)
        if path.is_file():  # else the worker says that it is missing
            self.pictures[path] = path.read_bytes()
        return path

    def weights(self, path: Path) -> Path:
        path = _absolute(path)
        if path.is_file():
            facts = path.stat()
            self.digests[path] = _digest(path, facts.st_size, facts.st_mtime_ns)
        return path

    def folder(self, path: Path) -> Path:
        return _absolute(path)


@dataclass(frozen=True)
class _Placed:
    """Lets a unit find its files on this machine."""

    root: Path
    large: Mapping[Path, Path | None]

    def picture(self, path: Path) -> Path:
        return _below(self.root, path)

    def weights(self, path: Path) -> Path:
        return self.large.get(path) or path

    def folder(self, path: Path) -> Path:
        return _below(self.root, path)


def _weights_here(path: Path, digest: str, contents: Mapping[str, bytes]) -> Path | None:
    """Where this very file is: at its own place, if that is shared, or where an earlier parcel left it."""
    kept = _own_folder() / digest[:16] / path.name
    if not kept.is_file() and digest in contents:
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(contents[digest])
    if kept.is_file():
        return kept
    return path if _is_shared(path, digest) else None


def _is_shared(path: Path, digest: str) -> bool:
    try:
        facts = path.stat()
    except OSError:
        return False
    return _digest(path, facts.st_size, facts.st_mtime_ns) == digest


@contextmanager
def _unpacked(pictures: Mapping[Path, bytes]):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(dir=_own_folder()) as name:
        root = Path(name)
        for path, content in pictures.items():
            place = _below(root, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        yield root


def _with_own_paths(outcome: Outcome, root: Path, found: Mapping[Path, Path | None]) -> Outcome:
    """Failures name files as the caller knows them."""
    names = {str(here): str(path) for path, here in found.items()} | {str(root): ""}
    for here, own in names.items():
        outcome.failures = [failure.replace(here, own) for failure in outcome.failures]
    return outcome


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to(path.anchor)


@cache
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    return sha256_of(path)


@cache
def _own_folder() -> Path:
    """What was brought to this process; gone with it."""
    folder = tempfile.TemporaryDirectory(prefix="srmos-")
    _KEPT_OPEN.append(folder)
    return Path(folder.name)


_KEPT_OPEN: list["tempfile.TemporaryDirectory[str]"] = []
_ONE_AT_A_TIME = threading.Lock()

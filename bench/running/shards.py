"""`--shard i/n`: one part of a run, in a folder inside the results folder until it is folded in."""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from bench.store.header import read_header, write_header
from bench.store.table import SHARDS, Tables, open_tables, writing
from sr_models.data.dataset import Picture
from sr_models.data.errors import InputError


@dataclass(frozen=True)
class Shard:
    """Every n-th picture, beginning with the i-th."""

    i: int
    n: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the shard that I/N stands for; I counts from 0."""
        i, _, n = text.partition("/")
        if not (i.isdecimal() and n.isdecimal() and int(i) < int(n)):
            raise InputError(f"shard: expected I/N with I from 0 to N - 1, such as 0/4, got {text!r}")
        return cls(int(i), int(n))

    def folder(self, results: Path) -> Path:
        """Return the shard's own results folder."""
        return results / SHARDS / f"{self.i}-of-{self.n}"

    def of_pictures(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Return the pictures of this part."""
        return list(pictures[self.i :: self.n])


def begin(tables: Tables, results: Path, pictures: Iterable[Picture]) -> None:
    """Let a shard know what the whole run has of its pictures: rows, and pictures as hard links."""
    whole = open_tables(results)
    own = {(picture.dataset, picture.image) for picture in pictures}
    tables.scores.add(
        row
        for row in whole.scores
        if (row.dataset, row.image) in own and tables.scores.get(row.identity) is None
    )
    saved = [
        row
        for row in whole.saved
        if (row.place.dataset, row.place.image) in own and tables.saved.get(row.identity) is None
    ]
    for row in saved:
        _link(results / "images" / row.path, tables.folder / "images" / row.path)
    tables.saved.add(saved)


def fold(results: Path, tables: Tables) -> int:
    """Move what shards made into the whole run, and return how many there were.

    Raises InputError while one of them is still being written.
    """
    folders = sorted(path for path in (results / SHARDS).glob("*-of-*") if path.is_dir())
    for folder in folders:
        with writing(folder):
            part = open_tables(folder)
            for row in part.saved:
                source, target = folder / "images" / row.path, results / "images" / row.path
                if source.is_file():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(source, target)
            tables.saved.add(part.saved)
            tables.scores.add(part.scores)
            _fold_header(folder, results)
        shutil.rmtree(folder)
    if folders:
        with suppress(OSError):  # a file of somebody else's is in it
            (results / SHARDS).rmdir()
    return len(folders)


def _fold_header(part: Path, results: Path) -> None:
    header, more = read_header(results), read_header(part)
    write_header(
        results,
        msgspec.structs.replace(
            header,
            invocations=[*header.invocations, *more.invocations],
            models=header.models | more.models,
            metrics=header.metrics | more.metrics,
            datasets=header.datasets | more.datasets,
        ),
    )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return  # made again
    except OSError:  # a file system without links
        shutil.copyfile(source, target)

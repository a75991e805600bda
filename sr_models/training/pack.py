"""Folders of pictures -> one file of raw pixels, which a trainer maps into memory and crops by address.

Layout: 8 bytes of magic, 8 bytes of header length (little endian), a JSON header, zeros up to a
multiple of 4096, then the pixels of every picture, uint8 (H, W, 3), one after the other.
"""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import SUFFIXES, Image, new_file, read_image
from sr_models.data.resize import imresize
from sr_models.training.near_duplicates import NearDuplicates

_MAGIC = b"SRPACK1\n"
_ALIGN = 4096
HELD_OUT_SHARE = 0.04
HELD_OUT_MOST = 24


@dataclass(frozen=True)
class Picture:
    """Where one picture lies in the pack."""

    name: str
    """Folder and file name; of a reduced copy, with its scale after an @."""
    height: int
    width: int
    offset: int
    """Of its first byte, counted from the first picture's."""
    sha256: str
    """Of its pixels, not of its file."""
    held_out: bool
    """Kept for validation, never trained on."""

    @property
    def size(self) -> int:
        """Bytes."""
        return 3 * self.height * self.width


@dataclass(frozen=True)
class Pack:
    """A pack's table of contents. The pixels stay in the file until `pixels` maps them."""

    path: Path
    pictures: tuple[Picture, ...]
    checked_against: tuple[str, ...]
    """Benchmark sets that no picture of this pack is (nearly) part of; empty: nobody checked."""
    pixels_at: int
    teacher: Mapping[str, Any] | None = None
    """Of targets (`teach.write_targets`): what made them, and the digest of the pack they belong to."""

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return all pixels as one flat array, mapped, not read; copy-on-write, so torch may wrap it."""
        return np.memmap(self.path, np.uint8, "c", self.pixels_at, (sum(p.size for p in self.pictures),))

    def image(self, picture: Picture) -> Image:
        """Return one picture."""
        flat = self.pixels()[picture.offset : picture.offset + picture.size]
        return flat.reshape(picture.height, picture.width, 3)

    def digest(self) -> str:
        """Return 16 hex digits over the pictures: two packs of the same pixels in the same order agree."""
        text = "".join(f"{p.sha256}{p.held_out:d}" for p in self.pictures)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_pack(
    folders: Sequence[Path],
    out: Path,
    benchmarks: NearDuplicates,
    *,
    min_side: int = 96,
    copies: Sequence[float] = (),
    quiet: bool = False,
) -> Pack:
    """Write every picture of folders (searched recursively) into the file out, and return its contents.

    Pictures with a side below min_side are left out (compare the pack's count with the folders'). copies are
    scales below 1: each picture that is not held out is also written at each of them, reduced by `imresize`,
    where no side falls below min_side. A reduced picture is sharper, and its JPEG blocks are gone.
    Raises InputError if a folder holds no picture, or if a picture is one of the benchmarks' or
    nearly so: all offenders are named, so that one run tells what to remove.
    """
    partial = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    if wrong := [scale for scale in copies if not 0 < scale < 1]:
        raise InputError(f"expected copies at scales between 0 and 1, got {wrong[0]:g}")
    try:
        pictures = _write_pixels(list(_find(folders)), partial, benchmarks, min_side, quiet)
        pictures += _write_copies(pictures, copies, partial, min_side, quiet)
        assemble(partial, out, Header(pictures, benchmarks.datasets))
    finally:
        partial.unlink(missing_ok=True)
    return open_pack(out)


def open_pack(path: Path) -> Pack:
    """Return the contents of the pack at path, or raise InputError if it is none or was cut short."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"{path} is not a pack: make one with `sr-models pack DIR... --out {path}`")
            header_size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(header_size))
        pictures = tuple(Picture(**values) for values in header["pictures"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; make it with `sr-models pack DIR... --out {path}`") from None
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError):  # ValueError: not JSON, not UTF-8
        raise InputError(f"{path}: the pack is cut short or damaged: pack again") from None
    pixels_at = _aligned(len(_MAGIC) + 8 + header_size)
    pack = Pack(path, pictures, tuple(header["checked_against"]), pixels_at, header.get("teacher"))
    expected, actual = pixels_at + sum(p.size for p in pictures), path.stat().st_size
    if actual != expected:
        raise InputError(
            f"{path}: expected {expected} bytes, got {actual}: the pack is cut short, pack again"
        )
    return pack


def _find(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the name and the path of every picture, in an order that does not depend on the machine."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(f"{folder}: no picture in it ({', '.join(SUFFIXES)})")
        for path in found:
            yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path


def _write_pixels(
    files: list[tuple[str, Path]], partial: Path, benchmarks: NearDuplicates, min_side: int, quiet: bool
) -> list[Picture]:
    pictures: list[Picture] = []
    seen: set[str] = set()
    offenders: list[str] = []
    offset = 0
    with partial.open("wb") as file:
        for name, path in tqdm(files, unit="picture", desc="packing", disable=quiet):
            image = read_image(path)
            sha256 = pixels_sha256(image)
            if near := benchmarks.near(image):
                offenders.append(f"{name} is {near}")
            if sha256 in seen or min(image.shape[:2]) < min_side:  # two folders may share pictures
                continue
            seen.add(sha256)
            file.write(image.tobytes())
            pictures.append(Picture(name, image.shape[0], image.shape[1], offset, sha256, False))
            offset += image.size
    if offenders:
        raise InputError(
            f"{len(offenders)} of {len(files)} pictures are also test pictures, remove them: "
            f"{'; '.join(offenders)}"
        )
    if not pictures:
        raise InputError(f"none of {len(files)} pictures is at least {min_side} px on both sides")
    return _hold_out(pictures)


def _write_copies(
    pictures: list[Picture], scales: Sequence[float], partial: Path, min_side: int, quiet: bool
) -> list[Picture]:
    """Append the reduced copies of the pictures that are not held out to the file partial."""
    copies: list[Picture] = []
    wanted = [(picture, scale) for scale in scales for picture in pictures if not picture.held_out]
    with partial.open("r+b") as file:
        offset = file.seek(0, os.SEEK_END)
        for picture, scale in tqdm(wanted, unit="copy", desc="reducing", disable=quiet or not wanted):
            file.seek(picture.offset)
            pixels = np.frombuffer(file.read(picture.size), np.uint8)
            copy = imresize(pixels.reshape(picture.height, picture.width, 3), scale)
            height, width = copy.shape[:2]
            if min(height, width) < min_side:
                continue
            file.seek(offset)
            file.write(copy.tobytes())
            copies.append(
                Picture(f"{picture.name}@{scale:g}", height, width, offset, pixels_sha256(copy), False)
            )
            offset += copy.size
    return copies


def pixels_sha256(image: Image) -> str:
    """Return the hash of a picture's shape and pixels."""
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()


def _hold_out(pictures: list[Picture]) -> list[Picture]:
    """Mark the 4 % of pictures (1 to 24) with the smallest hashes: chance, but the same on every machine."""
    count = max(1, min(HELD_OUT_MOST, round(HELD_OUT_SHARE * len(pictures)))) if len(pictures) > 1 else 0
    chosen = sorted(p.sha256 for p in pictures)[:count]
    return [Picture(**{**asdict(p), "held_out": p.sha256 in chosen}) for p in pictures]


class Header(NamedTuple):
    """What stands in the file before the pixels."""

    pictures: Sequence[Picture]
    checked_against: Sequence[str]
    teacher: Mapping[str, Any] | None = None


def assemble(partial: Path, out: Path, contents: Header) -> None:
    """Write the pack out, whole or not at all: its header, and the pixels in the file partial."""
    header = json.dumps({**contents._asdict(), "pictures": [asdict(p) for p in contents.pictures]}).encode()
    with new_file(out) as file, partial.open("rb") as pixels:
        start = _MAGIC + struct.pack("<Q", len(header)) + header
        file.write(start.ljust(_aligned(len(start)), b"\0"))
        shutil.copyfileobj(pixels, file, 1 << 24)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN

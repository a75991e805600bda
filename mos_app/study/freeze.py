"""Makes a study: checks its pictures, copies them by sha256, makes the anchors, writes study.json."""

import hashlib
import io
import os
import random
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image as PillowImage

from mos_app.study.clock import now_text
from mos_app.study.definition import (
    LANGUAGES,
    REFERENCE,
    STUDY_FILE,
    Anchors,
    Block,
    Settings,
    Stimulus,
    Study,
    save,
)
from mos_app.study.order import check_feasible
from mos_app.study.sources import Version, check_complete
from mos_app.study.validity import check_settings
from mos_app.study.words import consent_text
from sr_models.data.dataset import open_dataset
from sr_models.data.errors import InputError
from sr_models.data.image import (
    SUFFIXES,
    Image,
    crop_to_multiple,
    is_grey_file,
    read_image,
    to_grey,
    write_bytes,
)
from sr_models.data.resize import imresize

PICTURES = "pictures"
CALIBRATION_SET = "BSD300-train"
SAMPLE_SET = "sample"
DEFAULT_CALIBRATION = 5
_PLAIN_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


@dataclass(frozen=True)
class Limits:
    """The largest picture shown, in pixels; larger ones are cropped around their middle."""

    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Calibration:
    """Which pictures teach the ends of the scale, and how coarse the bad end is."""

    paths: Sequence[Path]
    scale: int = 4


def freeze(
    folder: str | Path,
    versions: Sequence[Version],
    settings: Settings,
    *,
    calibration: Calibration,
    limits: Limits | None = None,
    copy: bool = True,
) -> Study:
    """Return the study that folder now holds. Without copy, it refers to the pictures where they are."""
    root = Path(folder)
    if (root / STUDY_FILE).exists():
        raise InputError(
            f"{folder} holds a study already: a study is frozen once made; choose another folder"
        )
    check_settings(settings)
    check_complete(versions)
    rated = rated_versions(settings, versions)
    if len({version.method for version in rated}) < 2:
        raise InputError("a study compares at least two methods (or a method and hr)")
    files = _Files(root, limits or Limits(), copy)
    study = Study(
        name=root.resolve().name,
        created=now_text(),
        settings=settings,
        stimuli=tuple(files.stimulus(f"s{i:05d}", version) for i, version in enumerate(rated)),
        references=tuple(
            files.stimulus(f"r{i:05d}", v) for i, v in enumerate(_references(versions, settings))
        ),
        anchors=tuple(
            Anchors(picture=path.stem, worst=f"w{i:03d}", best=f"b{i:03d}")
            for i, path in enumerate(calibration.paths)
        ),
        anchor_stimuli=tuple(
            stimulus
            for i, path in enumerate(calibration.paths)
            for stimulus in files.anchor_pair(i, path, calibration.scale)
        ),
    )
    study = msgspec.structs.replace(study, consents={each: consent_text(study, each) for each in LANGUAGES})
    _check_sizes(study)
    check_feasible(study)
    save(study, root)
    return study


def check_block(study: Study, versions: Sequence[Version]) -> None:
    """Raise InputError unless the versions are new pictures of the study's methods; no file is read."""
    check_complete(versions)
    known = study.by_picture
    again = [f"{v.dataset}/{v.picture}" for v in versions if (v.dataset, v.picture) in known]
    if again:
        raise InputError(f"{again[0]} is in the study already: a block brings pictures that nobody has rated")
    _check_methods(study, rated_versions(study.settings, versions))


def grown_by(
    study: Study,
    folder: str | Path,
    versions: Sequence[Version],
    *,
    limits: Limits | None = None,
    copy: bool = True,
) -> Study:
    """Return the study with one more block, its pictures in folder; the study's file stays as it is."""
    check_block(study, versions)
    rated = rated_versions(study.settings, versions)
    files = _Files(Path(folder), limits or Limits(), copy)
    number = study.blocks
    block = Block(
        added=now_text(),
        stimuli=tuple(files.stimulus(f"x{number}s{i:05d}", version) for i, version in enumerate(rated)),
        references=tuple(
            files.stimulus(f"x{number}r{i:05d}", version)
            for i, version in enumerate(_references(versions, study.settings))
        ),
    )
    grown = msgspec.structs.replace(study, later=(*study.later, block))
    _check_sizes(grown)
    check_feasible(grown)
    return grown


def rated_versions(settings: Settings, versions: Sequence[Version]) -> list[Version]:
    """DCR shows the original beside and does not ask for it."""
    return [version for version in versions if settings.method != "dcr" or version.method != REFERENCE]


def _check_methods(study: Study, rated: Sequence[Version]) -> None:
    """A block with other methods would compare methods on different pictures."""
    here, new = {item.method for item in study.stimuli}, {version.method for version in rated}
    if here != new:
        told = ", ".join(sorted(here ^ new))
        raise InputError(
            f"a block shows the methods of the study, no more and no fewer; different here: {told} "
            "(choose the methods)"
        )


def calibration_pictures(
    count: int | None, seed: int, folder: str | Path | None, versions: Sequence[Version]
) -> list[Path]:
    """Return pictures that teach the scale, drawn by seed, none of which is rated later.

    From folder, else BSD300's training pictures where SRMOS_DATA has them, else the sample set.
    count None: five, or as many as there are.
    """
    rated = {version.picture for version in versions}
    found = [path for path in (_pictures_in(Path(folder)) if folder else _known()) if path.stem not in rated]
    wanted = min(DEFAULT_CALIBRATION, len(found)) if count is None else count
    if len(found) < wanted:
        raise InputError(
            f"expected {wanted} calibration pictures, got {len(found)} in {folder or CALIBRATION_SET} "
            "besides those rated: give --calibration-folder, or a smaller --calibration"
        )
    return sorted(random.Random(seed).sample(found, wanted))  # noqa: S311 - a design, not a secret


def _known() -> list[Path]:
    for root in os.environ.get("SRMOS_DATA", "").split(os.pathsep):
        if root and (Path(root) / CALIBRATION_SET).is_dir():
            return _pictures_in(Path(root) / CALIBRATION_SET)
    return [picture.hr for picture in open_dataset(SAMPLE_SET, 4, "matlab")]


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def _references(versions: Sequence[Version], settings: Settings) -> list[Version]:
    if settings.method != "dcr":
        return []
    originals = [version for version in versions if version.method == REFERENCE]
    if len(originals) < len({(version.dataset, version.picture) for version in versions}):
        raise InputError(f"DCR shows the original beside: the pictures need versions named {REFERENCE!r}")
    return originals


class _Files:
    """Puts pictures into the study's folder, each once, under its sha256."""

    def __init__(self, root: Path, limits: Limits, copy: bool) -> None:
        self._root = root
        self._limits = limits
        self._copy = copy

    def stimulus(self, identity: str, version: Version) -> Stimulus:
        data, width, height = self._bytes_of(version.path)
        digest = hashlib.sha256(data).hexdigest()
        return Stimulus(
            id=identity,
            dataset=version.dataset,
            picture=version.picture,
            method=version.method,
            sha256=digest,
            width=width,
            height=height,
            file=self._put(digest, data) if self._copy else str(version.path.resolve()),
        )

    def anchor_pair(self, index: int, path: Path, scale: int) -> tuple[Stimulus, Stimulus]:
        """Return the worst (nearest neighbour) and the best (original) version of a calibration picture."""
        best = self._cropped(crop_to_multiple(read_image(path), scale))
        best = crop_to_multiple(best, scale)
        small = imresize(best, 1 / scale)
        worst = np.repeat(np.repeat(small, scale, axis=0), scale, axis=1)
        return (
            self._anchor(f"w{index:03d}", path.stem, "nearest", worst),
            self._anchor(f"b{index:03d}", path.stem, REFERENCE, best),
        )

    def _anchor(self, identity: str, picture: str, method: str, image: Image) -> Stimulus:
        data = _png(image, grey=False)
        digest = hashlib.sha256(data).hexdigest()
        return Stimulus(
            id=identity,
            dataset="calibration",
            picture=picture,
            method=method,
            sha256=digest,
            width=image.shape[1],
            height=image.shape[0],
            file=self._put(digest, data),
        )

    def _bytes_of(self, path: Path) -> tuple[bytes, int, int]:
        """Return the file as it is where nothing in it could show or tell more than pixels."""
        data = path.read_bytes()
        image = read_image(path)
        cropped = self._cropped(image)
        height, width = cropped.shape[:2]
        if cropped.shape == image.shape and _is_plain_png(data):
            return data, width, height
        if not self._copy:
            raise InputError(
                f"{path}: only plain PNGs of the size shown can be referred to (this one carries metadata, "
                "another format, or is cropped): leave --reference out to copy them"
            )
        return _png(cropped, grey=is_grey_file(path)), width, height

    def _cropped(self, image: Image) -> Image:
        height, width = image.shape[:2]
        new_width = min(width, self._limits.width or width)
        new_height = min(height, self._limits.height or height)
        left, top = (width - new_width) // 2, (height - new_height) // 2
        return image[top : top + new_height, left : left + new_width]

    def _put(self, digest: str, data: bytes) -> str:
        relative = f"{PICTURES}/{digest}.png"
        if not (self._root / relative).exists():
            write_bytes(self._root / relative, data)
        return relative


def _png(image: Image, *, grey: bool) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(to_grey(image) if grey else image).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _is_plain_png(data: bytes) -> bool:
    """Return whether the file is a PNG of pixels only.

    Text could name the method, and gAMA or iCCP would make a browser change the colours.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    place, kinds = 8, set()
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        kinds.add(kind)
        place += 12 + length
    return kinds <= _PLAIN_CHUNKS


def _check_sizes(study: Study) -> None:
    sizes: dict[tuple[str, str], dict[tuple[int, int], str]] = defaultdict(dict)
    for item in (*study.rated, *study.originals):
        sizes[item.dataset, item.picture][item.width, item.height] = item.method
    for (dataset, picture), found in sizes.items():
        if len(found) > 1:
            told = ", ".join(f"{w}x{h} ({method})" for (w, h), method in found.items())
            raise InputError(
                f"{dataset}/{picture} comes in several sizes: {told}; all versions must be one size"
            )

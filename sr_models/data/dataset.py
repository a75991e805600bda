"""Test pictures by (dataset, image): from a manifest or from a folder of the user's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.fetch import FetchError, Report, fetch, locate, sha256_of
from sr_models.data.image import SUFFIXES, Image, crop_to_multiple, read_image, read_picture
from sr_models.data.manifest import Manifest, manifest
from sr_models.data.names import check_name

_OTHER_SUFFIXES = (".gif", ".tga", ".ppm", ".pgm", ".heic", ".heif", ".avif", ".jp2", ".exr", ".dng", ".raw")
STORED = "stored"
"""The name of the degradation that reads LR files instead of making them."""


@dataclass(frozen=True)
class Picture:
    """One test picture at one scale, as files on this machine."""

    dataset: str
    image: str
    name: str
    """Common name, or the image id where there is none."""
    scale: int
    hr: Path
    hr_sha256: str
    lr: Path | None
    """The stored LR file, where one was asked for."""
    lr_sha256: str


@dataclass(frozen=True)
class Sample:
    """One test picture in memory. A grey file is replicated to RGB and says so."""

    name: str
    lr: Image
    hr: Image
    is_grey: bool


def open_dataset(spec: str, scale: int, lr: str, report: Report = lambda _: None) -> list[Picture]:
    """Return the pictures of a dataset: a manifest's name, or NAME=FOLDER with HR pictures of one's own.

    Files that are not here are downloaded, `report` counting the bytes. lr is a degradation's name or
    `stored`.
    """
    name, is_folder, folder = spec.partition("=")
    if is_folder:
        return _open_folder(name, Path(folder), scale, lr)
    return _open_manifest(manifest(name), scale, lr, report)


def load_sample(picture: Picture, lr: str, multiple: int | None = None) -> Sample:
    """Return the picture's pixels, HR cropped to a multiple of `multiple` (default: the scale)."""
    whole, is_grey = read_picture(picture.hr)
    hr = crop_to_multiple(whole, multiple or picture.scale)
    if picture.lr is None:
        low = degradation(lr)(hr, picture.scale)
    else:
        low = read_image(picture.lr)
        _check_sizes(picture, low, hr)
    return Sample(picture.name, np.ascontiguousarray(low), np.ascontiguousarray(hr), is_grey)


def only(pictures: list[Picture], wanted: Iterable[str]) -> list[Picture]:
    """Return the pictures whose id or common name is wanted; an unknown one raises UnknownNameError."""
    names = set(wanted)
    known = {name for picture in pictures for name in (picture.image, picture.name)}
    for name in sorted(names - known):
        raise UnknownNameError("picture", name, known)
    return [picture for picture in pictures if {picture.image, picture.name} & names]


def _open_manifest(found: Manifest, scale: int, lr: str, report: Report) -> list[Picture]:
    if found.kind == "outputs":
        raise InputError(
            f"{found.name} holds published outputs, not test pictures: use --outputs {found.name}"
        )
    hr_files = {file.image: file for file in found.at_scale(scale, "hr")}
    if not hr_files:
        raise InputError(f"{found.name} has no x{scale}; it has {_scales(found)}")
    lr_files = {file.image: file for file in found.at_scale(scale, "lr")} if lr == STORED else {}
    if lr == STORED and set(lr_files) != set(hr_files):
        raise InputError(f"{found.name} stores no LR pictures at x{scale}: use --lr matlab")
    _make_present(found, scale, lr, report)
    pictures = []
    for image, hr_file in hr_files.items():
        hr = _located(found, hr_file.image, locate(found, hr_file))
        low = _located(found, image, locate(found, lr_files[image])) if lr == STORED else None
        pictures.append(
            Picture(
                dataset=found.name,
                image=image,
                name=found.names.get(image, image),
                scale=scale,
                hr=hr,
                hr_sha256=hr_file.sha256 or sha256_of(hr),
                lr=low,
                lr_sha256=lr_files[image].sha256 if low else "",
            )
        )
    return pictures


def _make_present(found: Manifest, scale: int, lr: str, report: Report) -> None:
    files = found.at_scale(scale, "hr") + (found.at_scale(scale, "lr") if lr == STORED else [])
    try:
        fetch(found, files, report)
    except FetchError as error:
        raise FetchError(
            f"{found.name} x{scale} is not on this machine: {error}. Set SRMOS_DATA to a folder that holds "
            f"{found.name}/{files[0].path}, run `bench fetch {found.name}` with a network, or name "
            "pictures of your own with --datasets NAME=FOLDER"
        ) from error


def _located(found: Manifest, image: str, path: Path | None) -> Path:
    if path is None:
        raise FetchError(f"{found.name}: {image} went missing while the set was opened")
    return path


def _scales(found: Manifest) -> str:
    return ", ".join(f"x{scale}" for scale in found.scales() or ())


def _open_folder(name: str, folder: Path, scale: int, lr: str) -> list[Picture]:
    check_name(name)
    if lr == STORED:
        raise InputError(f"{name}={folder} has no stored LR pictures: use --lr matlab")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: --datasets NAME=FOLDER takes a folder of HR pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{folder} holds no pictures ({', '.join(SUFFIXES)})")
    stems: dict[str, Path] = {}
    for path in files:
        if path.stem in stems:
            raise InputError(
                f"{stems[path.stem].name} and {path.name} in {folder} have one id, {path.stem}: rename"
            )
        stems[path.stem] = path
    return [Picture(name, path.stem, path.stem, scale, path, sha256_of(path), None, "") for path in files]


def passed_over(spec: str) -> list[str]:
    """Return a sentence for each kind of picture that a NAME=FOLDER has and `open_dataset` does not take."""
    _, is_folder, folder = spec.partition("=")
    inside = sorted(Path(folder).iterdir()) if is_folder else []
    deeper = [path for path in inside if path.is_dir() and not path.name.startswith(".")]
    nested = [path for path in deeper if any(each.suffix.lower() in SUFFIXES for each in path.iterdir())]
    others = [path for path in inside if path.suffix.lower() in _OTHER_SUFFIXES]
    found = [f"{path}: a folder in a folder; name it itself to score its pictures" for path in nested]
    if others:
        names = ", ".join(path.name for path in others[:3]) + (", ..." if len(others) > 3 else "")
        found.append(f"{folder}: {names}: expected files of {', '.join(SUFFIXES)}: convert them")
    return found


def _check_sizes(picture: Picture, lr: Image, hr: Image) -> None:
    expected = (hr.shape[0] // picture.scale, hr.shape[1] // picture.scale)
    if lr.shape[:2] != expected:
        raise InputError(
            f"{picture.lr}: expected {expected[1]}x{expected[0]} (hr / {picture.scale}), "
            f"got {lr.shape[1]}x{lr.shape[0]}"
        )

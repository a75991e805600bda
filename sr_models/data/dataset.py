"""Test pictures by (dataset, image): from a manifest or from a folder of the user's own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.fetch import FetchError, Report, brought, fetch, locate, sha256_of
from sr_models.data.image import SUFFIXES, Image, crop_to_multiple, read_picture
from sr_models.data.manifest import File, Manifest, manifest
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
    hr_file: Path | None
    """None where there is no original."""
    hr_sha256: str
    """Empty where there is no original."""
    lr: Path | None
    """The stored LR file, where one was asked for or where LR was never made from HR."""
    lr_sha256: str
    round_16_bit: bool = False
    """Files of 16 bits a sample are read by rounding; else they are refused."""

    @property
    def hr(self) -> Path:
        """The original's file; raises InputError where there is none."""
        if self.hr_file is None:
            raise InputError(f"{self.dataset}/{self.name} has no original")
        return self.hr_file

    @property
    def sha256(self) -> str:
        """The hash of the file that the picture is known by: the original, or LR where there is none."""
        return self.hr_sha256 or self.lr_sha256

    def lr_name(self, asked: str) -> str:
        """Return what its LR is called in tables and folders: the degradation, or `stored`."""
        return asked if self.lr is None else STORED


@dataclass(frozen=True)
class Sample:
    """One test picture in memory. A grey file is replicated to RGB and says so."""

    name: str
    lr: Image
    hr: Image | None
    """None where there is no original."""
    is_grey: bool
    """Of HR, or of LR where there is no original."""
    scale: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3) of an upscaled picture."""
        if self.hr is not None:
            height, width = self.hr.shape[:2]
        else:
            height, width = (side * self.scale for side in self.lr.shape[:2])
        return height, width, 3

    @property
    def original(self) -> Image:
        """HR; raises InputError where there is none."""
        if self.hr is None:
            raise InputError(f"{self.name} has no original to compare with")
        return self.hr


def open_dataset(
    spec: str, scale: int, lr: str, report: Report = lambda _: None, *, lr_only: bool = False
) -> list[Picture]:
    """Return the pictures of a dataset: a manifest's name, or NAME=FOLDER with pictures of one's own.

    Files that are not here are downloaded, `report` counting the bytes. lr is a degradation's name or
    `stored`; sets whose LR was never made from HR always have their own. A FOLDER holds HR pictures, or,
    with lr_only, LR pictures without originals, or the folders HR and LR with files of the same names.
    """
    own = named_folder(spec)
    if own is not None:
        return _open_folder(*own, scale, lr, lr_only)
    return _open_manifest(manifest(spec), scale, lr, report)


def named_folder(spec: str) -> tuple[str, Path] | None:
    """Return name and folder of NAME=FOLDER, where ~ is the user's home; None for a name alone."""
    name, is_folder, folder = spec.partition("=")
    if not is_folder:
        return None
    check_name(name)
    if not folder:
        raise InputError(f"expected NAME=FOLDER, got {spec!r}")
    return name, Path(folder).expanduser()


def load_sample(picture: Picture, lr: str, multiple: int | None = None) -> Sample:
    """Return the picture's pixels, HR cropped to a multiple of `multiple` (default: the scale)."""
    if picture.hr_file is None:
        return _sample_without_original(picture)
    whole, is_grey = read_picture(picture.hr, round_16_bit=picture.round_16_bit)
    hr = crop_to_multiple(whole, multiple or picture.scale)
    if picture.lr is None:
        low = degradation(lr)(hr, picture.scale)
    else:
        low, _ = read_picture(picture.lr, round_16_bit=picture.round_16_bit)
        _check_sizes(picture, low, hr)
    return Sample(picture.name, np.ascontiguousarray(low), np.ascontiguousarray(hr), is_grey, picture.scale)


def _sample_without_original(picture: Picture) -> Sample:
    if picture.lr is None:
        raise InputError(f"{picture.dataset}/{picture.name} has neither an original nor an LR picture")
    low, is_grey = read_picture(picture.lr, round_16_bit=picture.round_16_bit)
    return Sample(picture.name, np.ascontiguousarray(low), None, is_grey, picture.scale)


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
    if found.ask:
        return _open_brought(found, scale, lr)
    wants_lr = lr == STORED or found.own_lr
    hr_files = {file.image: file for file in found.at_scale(scale, "hr")}
    lr_files = {file.image: file for file in found.at_scale(scale, "lr")} if wants_lr else {}
    if not hr_files and not (found.is_lr_only and lr_files):
        raise InputError(f"{found.name} has no x{scale}; it has {_scales(found)}")
    if wants_lr and hr_files and set(lr_files) != set(hr_files):
        raise InputError(f"{found.name} stores no LR pictures at x{scale}: use --lr matlab")
    _make_present(found, scale, [*hr_files.values(), *lr_files.values()], report)
    pictures = []
    for image in hr_files or lr_files:
        hr, hr_sha256 = _here(found, hr_files.get(image))
        low, lr_sha256 = _here(found, lr_files.get(image))
        name = found.names.get(image, image)
        pictures.append(Picture(found.name, image, name, scale, hr, hr_sha256, low, lr_sha256))
    return pictures


def _open_brought(found: Manifest, scale: int, lr: str) -> list[Picture]:
    """The pictures of a set that has to be asked for."""
    try:
        files = brought(found)
    except FetchError as error:
        raise FetchError(f"{found.name} is not on this machine: {error}") from None
    if found.is_lr_only:
        return [
            Picture(found.name, image, image, scale, None, "", path, sha256)
            for image, (path, sha256) in files.items()
        ]
    if lr == STORED:
        raise InputError(f"{found.name} stores no LR pictures at x{scale}: use --lr matlab")
    return [
        Picture(found.name, image, image, scale, path, sha256, None, "")
        for image, (path, sha256) in files.items()
    ]


def _here(found: Manifest, file: File | None) -> tuple[Path | None, str]:
    """Where a file is, and its hash."""
    if file is None:
        return None, ""
    path = locate(found, file)
    if path is None:
        raise FetchError(f"{found.name}: {file.image} went missing while the set was opened")
    return path, file.sha256 or sha256_of(path)


def _make_present(found: Manifest, scale: int, files: Sequence[File], report: Report) -> None:
    try:
        fetch(found, files, report)
    except FetchError as error:
        raise FetchError(
            f"{found.name} x{scale} is not on this machine: {error}. Set SRMOS_DATA to a folder that holds "
            f"{found.name}/{files[0].path}, run `bench fetch {found.name}` with a network, or name "
            "pictures of your own with --datasets NAME=FOLDER"
        ) from error


def _scales(found: Manifest) -> str:
    return ", ".join(f"x{scale}" for scale in found.scales() or ())


def _open_folder(name: str, folder: Path, scale: int, lr: str, lr_only: bool) -> list[Picture]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: --datasets NAME=FOLDER takes a folder of pictures")
    if lr_only:
        stems = _by_stem(folder)
        return [
            Picture(name, stem, stem, scale, None, "", path, sha256_of(path)) for stem, path in stems.items()
        ]
    if _is_pairs(folder):
        return _open_pairs(name, folder, scale)
    if lr == STORED:
        raise InputError(f"{name}={folder} has no stored LR pictures: use --lr matlab")
    stems = _by_stem(folder)
    return [Picture(name, stem, stem, scale, path, sha256_of(path), None, "") for stem, path in stems.items()]


def _is_pairs(folder: Path) -> bool:
    return (folder / "HR").is_dir() and (folder / "LR").is_dir()


def _open_pairs(name: str, folder: Path, scale: int) -> list[Picture]:
    """Pictures with LR of their own, in the folders HR and LR under the same names."""
    hr, low = _by_stem(folder / "HR"), _by_stem(folder / "LR")
    alone = sorted(hr.keys() ^ low.keys())
    if alone:
        have, lack = ("HR", "LR") if alone[0] in hr else ("LR", "HR")
        raise InputError(
            f"{folder}: {alone[0]} is in {have} but not in {lack}: expected both of each picture"
        )
    return [
        Picture(name, stem, stem, scale, path, sha256_of(path), low[stem], sha256_of(low[stem]))
        for stem, path in hr.items()
    ]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by id."""
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
    return stems


def passed_over(spec: str) -> list[str]:
    """Return a sentence for each kind of picture that a NAME=FOLDER has and `open_dataset` does not take."""
    own = named_folder(spec)
    if own is None or _is_pairs(own[1]):
        return []
    folder = own[1]
    inside = sorted(folder.iterdir())
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

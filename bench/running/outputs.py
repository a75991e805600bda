"""Pictures that somebody upscaled elsewhere, as entrants: published sets and folders."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.running.entrants import Plain
from sr_models.data.dataset import Picture, Sample, named_folder
from sr_models.data.errors import InputError
from sr_models.data.fetch import Report, fetch, locate, sha256_of
from sr_models.data.image import SUFFIXES, Image, read_picture
from sr_models.data.manifest import manifest, manifest_names

if TYPE_CHECKING:
    from bench.running.parcel import Move

_STEMS = ("{dataset}/x{scale}/{image}", "{dataset}/{image}", "{dataset}/{name}", "{image}", "{name}")
PATTERNS = tuple(stem + suffix for stem in _STEMS for suffix in SUFFIXES)
"""How published pictures are looked for in a folder, unless a pattern is given."""


@dataclass(frozen=True)
class OutputEntrant(Plain):
    """Pictures made elsewhere, found by (dataset, image)."""

    name: str
    files: Mapping[tuple[str, str], tuple[Path, str]] = field(hash=False)
    """(dataset, image) -> (file, its sha256)."""
    is_published: ClassVar[bool] = True
    text: ClassVar[str] = "published pictures"
    version: ClassVar[None] = None

    def fingerprint(self, picture: Picture) -> str | None:
        """Return the hash of the published file."""
        found = self.files.get((picture.dataset, picture.image))
        return found[1] if found else ""

    def upscale(self, picture: Picture, sample: Sample) -> Image:
        """Return the published picture, or raise InputError where it is missing or of another size."""
        found = self.files.get((picture.dataset, picture.image))
        if found is None:
            raise InputError(f"{self.name} has no picture of {picture.dataset}/{picture.name}")
        image, _ = read_picture(found[0], round_16_bit=picture.round_16_bit)
        if image.shape != sample.shape:
            raise InputError(
                f"{found[0]}: expected {sample.shape[1]}x{sample.shape[0]} pixels, "
                f"got {image.shape[1]}x{image.shape[0]}"
            )
        return image

    def moved(self, picture: Picture, move: "Move") -> "OutputEntrant":
        """Return itself with this picture's file alone, where `move` says."""
        key = (picture.dataset, picture.image)
        found = self.files.get(key)
        return replace(self, files={} if found is None else {key: (move.picture(found[0]), found[1])})


def output_entrants(
    specs: Sequence[str], pictures: Sequence[Picture], pattern: str | None, report: Report = lambda _: None
) -> list[OutputEntrant]:
    """Return who made pictures elsewhere: a manifest's name (all its models), or NAME=FOLDER."""
    entrants: list[OutputEntrant] = []
    for spec in specs:
        own = named_folder(spec)
        if own is not None:
            entrants.append(_from_folder(*own, pictures, pattern))
        else:
            entrants += _from_manifest(spec, pictures, report)
    return entrants


def _from_folder(name: str, folder: Path, pictures: Sequence[Picture], pattern: str | None) -> OutputEntrant:
    if not folder.is_dir():
        raise InputError(f"outputs {name}={folder}: expected a folder of upscaled pictures, got none there")
    patterns = PATTERNS if pattern is None else (_checked(pattern),)
    files: dict[tuple[str, str], tuple[Path, str]] = {}
    owners: dict[Path, Picture] = {}
    for picture in pictures:
        tried = [folder / each.format(**_facts(picture)) for each in patterns]
        found = next((path for path in tried if path.is_file()), None)
        if found:
            other = owners.setdefault(found, picture)
            if other != picture:
                raise InputError(
                    f"{found} would serve both {other.dataset}/{other.name} and "
                    f"{picture.dataset}/{picture.name}: sort the files into a folder for each dataset"
                )
            files[picture.dataset, picture.image] = (found, sha256_of(found))
    if pictures and not files:
        looked_for = [stem + ".png" for stem in _STEMS] if pattern is None else patterns
        tried_names = ", ".join(each.format(**_facts(pictures[0])) for each in looked_for)
        raise InputError(
            f"{folder} holds none of the pictures; looked for {tried_names}: rename them, or give a pattern"
        )
    return OutputEntrant(name, files)


def _facts(picture: Picture) -> dict[str, str | int]:
    return {
        "dataset": picture.dataset,
        "scale": picture.scale,
        "image": picture.image,
        "name": picture.name,
    }


def _checked(pattern: str) -> str:
    known = ("dataset", "scale", "image", "name")
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None}
    except ValueError as error:
        raise InputError(f"pattern {pattern!r}: {error}") from None
    if not used <= set(known) or not used & {"image", "name"}:
        raise InputError(
            f"pattern {pattern!r}: use {{image}} or {{name}}, and if you like {{dataset}}, {{scale}}"
        )
    return pattern


def _from_manifest(name: str, pictures: Sequence[Picture], report: Report) -> list[OutputEntrant]:
    outputs = [each for each in manifest_names() if manifest(each).kind == "outputs"]
    if name not in outputs:
        raise InputError(f"no published outputs called {name!r}; known: {', '.join(outputs)}, or NAME=FOLDER")
    found = manifest(name)
    wanted = {(picture.dataset, picture.image, picture.scale) for picture in pictures}
    files = [file for file in found.files if (file.dataset, file.image, file.scale) in wanted]
    if not files:
        covered = ", ".join(sorted({f"{file.dataset} x{file.scale}" for file in found.files}))
        raise InputError(f"{name} has none of these pictures; it covers {covered}")
    fetch(found, files, report)
    entrants: dict[str, dict[tuple[str, str], tuple[Path, str]]] = {}
    for file in files:
        path = locate(found, file)
        if path is not None:
            entrants.setdefault(file.model, {})[file.dataset, file.image] = (path, file.sha256)
    return [OutputEntrant(model, located) for model, located in entrants.items()]

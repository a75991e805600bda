"""What srmos knows of public picture sets: one TOML file each, with the sha256 of every picture."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from sr_models.data.errors import InputError, UnknownNameError

Kind = Literal["benchmark", "calibration", "training", "outputs"]
Role = Literal["hr", "lr", "sr"]
_KINDS = ("benchmark", "calibration", "training", "outputs")
_ROLES = ("hr", "lr", "sr")


@dataclass(frozen=True)
class File:
    """One picture file of a manifest."""

    image: str
    """The picture's stable id, unique within its dataset."""
    role: Role
    path: str
    """Below the dataset's folder, wherever that is."""
    url: str = ""
    """Below the manifest's base_url; empty: the same as path."""
    sha256: str = ""
    """Empty where the publisher states none: the first fetch records it."""
    bytes: int = 0
    scale: int | None = None
    """None: serves every scale."""
    member: str = ""
    """Name inside the manifest's archive."""
    model: str = ""
    """Of published outputs: the model that made the picture, ..."""
    dataset: str = ""
    """... and the dataset that the picture belongs to."""


@dataclass(frozen=True)
class Manifest:
    """A public picture set: where its files are, what they must hash to, under which terms."""

    name: str
    title: str
    kind: Kind
    licence: str
    citation: str
    homepage: str
    files: tuple[File, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """Common name (`baboon`) of an image id."""
    base_url: str = ""
    archive: str = ""
    """URL of a zip that holds every file."""
    package: str = ""
    """An installed Python package whose folder holds the files."""
    own_lr: bool = False
    """LR was photographed, not made from HR: it is always the LR that models get."""
    ask: str = ""
    """How to come by files that no public address has one by one: whom to ask, or what to unpack."""
    count: int = 0
    """With `ask`: how many pictures the user brings. Their hashes are recorded at the first use and hold
    from then on."""
    role: Role = "hr"
    """With `ask`: what they are; `lr` where there are no originals."""

    def images(self) -> list[str]:
        """Return every image id once, in the manifest's order."""
        return list(dict.fromkeys(file.image for file in self.files))

    def scales(self) -> tuple[int, ...] | None:
        """Return the scales that pictures are kept for, or None if they serve every scale."""
        scales = {file.scale for file in self.files if file.role != "lr" or self.is_lr_only}
        return None if None in scales or self.ask else tuple(sorted(cast("set[int]", scales)))

    @property
    def is_lr_only(self) -> bool:
        """Whether there are no originals: only metrics that need none apply."""
        roles = {file.role for file in self.files} or {self.role}
        return roles == {"lr"}

    def at_scale(self, scale: int, role: Role) -> list[File]:
        """Return the files that serve a scale in a role."""
        return [file for file in self.files if file.role == role and file.scale in (None, scale)]

    def url_of(self, file: File) -> str:
        """Return where the file can be downloaded from (not for archives and packages)."""
        return self.base_url + (file.url or file.path)


def manifest_dir() -> Path:
    """Return the folder of the manifests: inside an installed wheel, or `datasets/` of a checkout."""
    installed = Path(__file__).parent / "manifests"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "datasets"


def manifest_names() -> list[str]:
    """Return the names of all manifests."""
    return sorted((path.stem for path in manifest_dir().glob("*.toml")), key=str.lower)


@cache
def manifest(name: str) -> Manifest:
    """Return the manifest of that name, or raise UnknownNameError."""
    if name not in manifest_names():
        raise UnknownNameError("dataset", name, manifest_names())
    return read_manifest(manifest_dir() / f"{name}.toml")


def common_names(dataset: str) -> Mapping[str, str]:
    """Return image id -> common name; empty for sets without a manifest or without names."""
    return manifest(dataset).names if dataset in manifest_names() else {}


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a TOML file; raises InputError for unknown, missing or repeated entries."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML ({error})") from error
    files = tuple(_parse(File, row, f"{path}, file {n}") for n, row in enumerate(table.pop("files", []), 1))
    table["names"] = MappingProxyType(table.pop("names", {}))
    result = _parse(Manifest, {**table, "files": files}, str(path))
    _check(result, path)
    return result


Parsed = TypeVar("Parsed", File, Manifest)


def _parse(kind: type[Parsed], table: Mapping[str, Any], where: str) -> Parsed:
    known = [item.name for item in dataclass_fields(kind)]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(known)}")
    try:
        return kind(**table)
    except TypeError as error:
        raise InputError(f"{where}: {str(error).split('() ')[-1]}") from error


def _check(manifest: Manifest, path: Path) -> None:
    if manifest.name != path.stem:
        raise InputError(f"{path}: says it is called {manifest.name!r}; name and file must agree")
    if manifest.kind not in _KINDS:
        raise InputError(f"{path}: kind is {manifest.kind!r}; known: {', '.join(_KINDS)}")
    seen: set[tuple[object, ...]] = set()
    for file in manifest.files:
        if file.role not in _ROLES:
            raise InputError(f"{path}: role of {file.path} is {file.role!r}; known: {', '.join(_ROLES)}")
        identity = (file.model, file.dataset, file.image, file.role, file.scale)
        if identity in seen:
            raise InputError(f"{path}: {file.image} has two {file.role} files at x{file.scale}")
        seen.add(identity)
    if bool(manifest.ask) != bool(manifest.count) or (manifest.ask and manifest.files):
        raise InputError(f"{path}: a set that the user brings has ask and count, and lists no files")
    if not manifest.files and not manifest.ask:
        raise InputError(f"{path}: lists no files")
    unknown = sorted(set(manifest.names) - set(manifest.images()))
    if unknown:
        raise InputError(f"{path}: names {unknown[0]!r}, which is not an image of the set")

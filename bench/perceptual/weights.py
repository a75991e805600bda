"""Parameter files of metrics: in the user's folder, in torch's cache, or downloaded there, verified."""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.metric import PictureMetric
from sr_models.data.errors import InputError
from sr_models.data.fetch import FetchError, Report, download, sha256_of


@dataclass(frozen=True)
class WeightFile:
    """One entry of weights.toml."""

    name: str
    """As published; what --weights-dir and torch's cache are searched for."""
    url: str
    """Empty: nobody may pass it on; the user brings it. `torchvision:NAME`: torchvision knows where."""
    sha256: str
    """What the published file's hash begins with; empty where the publisher states none."""
    megabytes: int
    terms: str
    aliases: tuple[str, ...] = ()
    """Other names the same file goes by, or other files that do the same."""


@dataclass(frozen=True)
class Found:
    """Where a metric's files are, and what they are."""

    paths: tuple[Path, ...]
    stated: str
    """For the signature: name and hash of each, with `!` where that is not the published file's."""


class Unavailable(InputError):  # noqa: N818 (a reason, not a failure)
    """A metric cannot be computed here. The message says which file goes where."""


@cache
def weight_files() -> dict[str, WeightFile]:
    """Return every known file by name."""
    table = tomllib.loads(Path(__file__).with_name("weights.toml").read_text(encoding="utf-8"))
    rows = [{**row, "aliases": tuple(row.get("aliases", ()))} for row in table["file"]]
    return {row["name"]: WeightFile(**row) for row in rows}


def torch_cache() -> Path:
    """Return the folder that torchvision downloads to (torch.hub.get_dir's, without importing torch)."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(os.environ.get("TORCH_HOME") or default).expanduser() / "hub" / "checkpoints"


def check_weights(folder: Path | None) -> None:
    """Raise InputError where a folder is given that is none."""
    if folder is not None and not folder.is_dir():
        raise InputError(f"weights: expected a folder of parameter files, got {folder}")


def located(file: WeightFile, folder: Path | None) -> Path | None:
    """Return where the file is on this machine, the user's folder first; None: nowhere."""
    check_weights(folder)
    for place in (folder, torch_cache()):
        for name in (file.name, *file.aliases):
            if place is not None and (place / name).is_file():
                return place / name
    return None


def obtain(metric: PictureMetric, folder: Path | None, report: Report = lambda _: None) -> Found:
    """Return a metric's files, downloaded to torch's cache where they must be; else raise Unavailable."""
    for library in missing_libraries(metric):
        raise Unavailable(f"{metric.name} needs {library}, which is not installed{_OWN.get(library, '')}")
    files = [weight_files()[name] for name in metric.weights]
    paths = tuple(found_or_downloaded(metric.name, file, folder, report) for file in files)
    stated = ",".join(_stated(file, path) for file, path in zip(files, paths, strict=True))
    return Found(paths, stated)


def found_or_downloaded(
    asker: str, file: WeightFile, folder: Path | None, report: Report = lambda _: None
) -> Path:
    """Return where a file is, downloaded where it must be; raises Unavailable with who asks for it."""
    return located(file, folder) or _downloaded(asker, file, report)


def missing_libraries(metric: PictureMetric) -> list[str]:
    """Return the distributions that a metric calls and that are not installed here."""
    return [library for library in metric.libraries if not _is_installed(library)]


_OWN = {
    "pyiqa": " (its licence forbids commercial use, so srmos does not bring it): pip install -e '.[pyiqa]'"
}


def _is_installed(library: str) -> bool:
    try:
        version(library)
    except PackageNotFoundError:
        return False
    return True


def _downloaded(metric: str, file: WeightFile, report: Report) -> Path:
    where = f"put it into a folder and give that folder as weights_dir, or into {torch_cache()}"
    if not file.url:
        known = " or ".join((file.name, *file.aliases))
        raise Unavailable(f"{metric} needs {known} ({file.terms}): {where}")
    target = torch_cache() / file.name
    try:
        download(address(file.url), target, file.sha256, report)
    except FetchError as error:
        raise Unavailable(f"{metric} needs {file.name}, which is not here, and {error}: {where}") from None
    return target


def address(url: str) -> str:
    """Return where to download from."""
    source, _, name = url.partition(":")
    if source != "torchvision":
        return url
    from torchvision import models  # heavy, and only wanted when its weights are not here yet

    return str(models.get_weight(f"{name}.IMAGENET1K_V1").url)


def _stated(file: WeightFile, path: Path) -> str:
    digest = sha256_of(path)
    return f"{path.name}@{digest[:12]}{'' if digest.startswith(file.sha256) else '!'}"

"""Finding the files of a manifest, and downloading what is not here. The only network code of srmos.

Looked in, in this order: the folders of SRMOS_DATA (separated by os.pathsep), then the cache
`$SRMOS_HOME` (default ~/.cache/srmos), where downloads go. Every file is verified before it is used.
"""

import hashlib
import importlib.util
import json
import os
import socket
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from filelock import FileLock

from sr_models.data.errors import InputError
from sr_models.data.image import SUFFIXES, write_bytes
from sr_models.data.manifest import File, Manifest

Report = Callable[[int], None]
"""Called with the number of bytes that have just arrived."""

_CHUNK = 1 << 18
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30


class FetchError(InputError):
    """A file is not here and could not be downloaded."""


def cache_dir() -> Path:
    """Return the folder for downloads: $SRMOS_HOME or ~/.cache/srmos."""
    return Path(os.environ.get("SRMOS_HOME") or Path.home() / ".cache" / "srmos").expanduser()


def locate(manifest: Manifest, file: File) -> Path | None:
    """Return where the file is on this machine, verified, or None. A file that fails its hash raises."""
    expected = file.sha256 or _recorded(manifest).get(file.path, "")
    for path in _candidates(manifest, file):
        if path.is_file():
            found = _sha256_once(path)
            if expected and found != expected:
                raise InputError(
                    f"{path} is not {manifest.name}'s {file.image}: expected sha256 {expected[:12]}..., "
                    f"got {found[:12]}...; delete or replace it"
                )
            return path
    return None


def is_here(manifest: Manifest, file: File) -> bool:
    """Return whether a file of that name and size is on this machine, without reading it."""
    sizes = (path.stat().st_size for path in _candidates(manifest, file) if path.is_file())
    return any(not file.bytes or size == file.bytes for size in sizes)


def fetch(manifest: Manifest, files: Iterable[File], report: Report = lambda _: None) -> None:
    """Download the files that are not here into the cache: resumed, verified, renamed only when whole.

    Raises FetchError if one cannot be had (the others are kept, so that a second call goes on).
    """
    missing = [file for file in files if locate(manifest, file) is None]
    if not missing:
        return
    if manifest.package:
        raise FetchError(f"{manifest.name} is part of the Python package {manifest.package}: reinstall that")
    if manifest.archive:
        _fetch_archive(manifest, missing, report)
        return
    home = cache_dir() / manifest.name
    with ThreadPoolExecutor(8) as pool:
        tasks = [
            pool.submit(download, manifest.url_of(file), home / file.path, file.sha256, report)
            for file in missing
        ]
        try:
            for task in tasks:
                task.result()
        except FetchError:
            pool.shutdown(cancel_futures=True)  # what has begun finishes and is kept
            raise


def brought(manifest: Manifest) -> dict[str, tuple[Path, str]]:
    """Return image -> (file, sha256) of a set that the user brings, from `<place>/<set>/`.

    The first use records the hashes beside the downloads. Raises FetchError, saying whom to ask, where the
    set is not here; InputError where pictures are missing, or are not those of the first use.
    """
    files = _brought_files(manifest)
    if not files:
        raise FetchError(f"{manifest.ask}; put the pictures into a folder {manifest.name} below SRMOS_DATA")
    if len(files) != manifest.count:
        raise InputError(
            f"{files[0].parent}: expected the {manifest.count} pictures of {manifest.name}, got {len(files)}"
        )
    found = {path.stem: (path, sha256_of(path)) for path in files}
    if len(found) < len(files):
        raise InputError(f"{files[0].parent}: two pictures have one name, but for the ending: rename")
    now, before = {image: sha256 for image, (_, sha256) in found.items()}, _recorded(manifest)
    changed = sorted(image for image in now if before and before.get(image) != now[image])
    if changed:
        raise InputError(
            f"{found[changed[0]][0]} is not the {manifest.name} picture that was used first: bring that one "
            f"back, or delete {_record_file(manifest)} to begin anew"
        )
    if not before:
        write_bytes(_record_file(manifest), json.dumps(now, indent=1, sort_keys=True).encode())
    return found


def is_brought(manifest: Manifest) -> bool:
    """Return whether the user has put as many pictures where they are looked for, without reading them."""
    return len(_brought_files(manifest)) == manifest.count


def _brought_files(manifest: Manifest) -> list[Path]:
    for folder in _places(manifest):
        files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
        if files:
            return files
    return []


def download(url: str, target: Path, sha256: str, report: Report = lambda _: None) -> None:
    """Download url to target, going on from `<target>.part` if there is one.

    sha256 is what the file's hash begins with: torch's publishers state eight digits, others none ('').
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with FileLock(str(part) + ".lock"):
        _receive(url, part, report)
        found = sha256_of(part)
        if not found.startswith(sha256):
            part.unlink()
            raise FetchError(f"{url} has changed: expected sha256 {sha256[:12]}..., got {found[:12]}...; "
                             "the download was discarded")  # fmt: skip
        os.replace(part, target)
    Path(str(part) + ".lock").unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_once(path: Path) -> str:
    """The sha256 of a file that is looked at twice while a set is opened: read once, unless it changes."""
    state = path.stat()
    return _sha256_in_state(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _sha256_in_state(path: Path, *_state: int) -> str:
    return sha256_of(path)


def _candidates(manifest: Manifest, file: File) -> list[Path]:
    if manifest.package:
        spec = importlib.util.find_spec(manifest.package)
        folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
        return [folder / file.path for folder in folders]
    folders = _places(manifest)
    return [folder / name for folder in folders for name in dict.fromkeys((file.path, Path(file.path).name))]


def _places(manifest: Manifest) -> list[Path]:
    """Where a set may lie on this machine."""
    search = os.environ.get("SRMOS_DATA", "")
    places = [Path(place) / kind for place in search.split(os.pathsep) if place for kind in (".", "outputs")]
    places.append(cache_dir())
    return [place / manifest.name for place in places]


def _receive(url: str, part: Path, report: Report) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _receive_once(url, part, report)
            return
        except (OSError, EOFError) as error:
            if _is_final(error) or attempt == _ATTEMPTS:
                reason = getattr(error, "reason", "") or error
                raise FetchError(f"{url} cannot be downloaded ({reason})") from error
            time.sleep(0.25 * 2**attempt)


def _receive_once(url: str, part: Path, report: Report) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here
        raise
    with response:
        going_on = response.status == HTTPStatus.PARTIAL_CONTENT
        expected = int(response.headers.get("Content-Length") or -1)
        received = 0
        with part.open("ab" if going_on else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                received += len(chunk)
                report(len(chunk))
    if 0 <= expected != received:
        raise EOFError(f"expected {expected} bytes, got {received}")


def _is_final(error: Exception) -> bool:
    """No network, no such file: trying again changes nothing."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(getattr(error, "reason", None), socket.gaierror | ConnectionRefusedError)


def _fetch_archive(manifest: Manifest, files: list[File], report: Report) -> None:
    home = cache_dir() / manifest.name
    archive = home / Path(manifest.archive).name
    recorded = _recorded(manifest)
    download(manifest.archive, archive, recorded.get(archive.name, ""), report)
    recorded[archive.name] = sha256_of(archive)
    try:
        with zipfile.ZipFile(archive) as zipped:
            for file in files:
                data = zipped.read(file.member)
                write_bytes(home / file.path, data)
                recorded[file.path] = hashlib.sha256(data).hexdigest()
    except (zipfile.BadZipFile, KeyError) as error:
        archive.unlink()
        raise FetchError(f"{manifest.archive} is not the expected archive ({error})") from error
    write_bytes(_record_file(manifest), json.dumps(recorded, indent=1, sort_keys=True).encode())
    archive.unlink()


def _record_file(manifest: Manifest) -> Path:
    return cache_dir() / manifest.name / "recorded-sha256.json"


def _recorded(manifest: Manifest) -> dict[str, str]:
    """Hashes that the first use of a set wrote down, because its publisher states none."""
    path = _record_file(manifest)
    if not (manifest.archive or manifest.ask) or not path.exists():
        return {}
    result: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return result

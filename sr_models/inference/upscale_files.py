"""Picture files in, upscaled picture files out: what `sr-models upscale` does."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import SUFFIXES
from sr_models.data.photo import QUALITY, WRITABLE, read_photo, write_photo
from sr_models.inference.photo_upscaler import upscale_photo
from sr_models.upscaler import Upscaler

ENDINGS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True)
class Job:
    """One file to read and the one to write."""

    source: Path
    target: Path


def plan(
    inputs: Sequence[Path], out: Path, *, file_format: str | None = None, force: bool = False
) -> list[Job]:
    """Return a job for each picture in inputs, files or folders, to be written into the folder out.

    Folders are searched below, too, and their structure is repeated in out; what is in out is not taken for
    an input. The format is that of the input (PNG for BMP), or file_format: png, jpeg or webp.

    Raises InputError before anything is written: for inputs that are not there, for two inputs with one
    output, for an output that exists (unless force), and for one that would replace an input.
    """
    jobs: dict[Path, Job] = {}
    for source, below in _found(inputs, out):
        target = out / below.parent / (below.stem + _ending(source, file_format))
        if target in jobs:
            raise InputError(
                f"{jobs[target].source} and {source} would both become {target}: upscale them separately"
            )
        jobs[target] = Job(source, target)
    sources = {job.source.resolve() for job in jobs.values()}
    for target in jobs:
        if target.resolve() in sources:
            raise InputError(f"{target} would replace an input: choose another --out")
        if target.exists() and not force:
            raise InputError(f"{target} exists: use --force to replace it, or choose another --out")
    return list(jobs.values())


def upscale_files(jobs: Sequence[Job], upscaler: Upscaler, *, quality: int = QUALITY) -> list[str]:
    """Do the jobs, one line on stdout for each, a bar on stderr, and return a sentence for each that failed.

    A picture that cannot be read or written does not stop the others.
    """
    failures = []
    with tqdm(total=len(jobs), unit="picture", disable=None, bar_format=_BAR) as bar:
        if hasattr(upscaler, "inference"):  # a torch network
            from sr_models.inference.torch_upscaler import with_progress

            upscaler = with_progress(upscaler, bar.update)
        for done, job in enumerate(jobs, 1):
            try:
                line = _upscale(job, upscaler, quality)
            except (InputError, OSError) as error:
                failures.append(str(error))
            except (RuntimeError, MemoryError) as error:  # of torch, memory above all
                failures.append(f"{job.source}: the model failed ({' '.join(str(error).split())[:200]})")
            else:
                bar.write(line, file=sys.stdout)
            bar.update(done - bar.n)  # the shares of tiles need not sum to 1 exactly
    return failures


_BAR = "{percentage:3.0f}%|{bar}| {elapsed} (left: {remaining})"


def _upscale(job: Job, upscaler: Upscaler, quality: int) -> str:
    start = time.perf_counter()
    photo = read_photo(job.source)
    try:
        sr = upscale_photo(photo, upscaler)
    except InputError as error:  # what is wrong with a model's output does not say of which picture
        raise InputError(f"{job.source}: {error}") from None
    write_photo(job.target, sr, quality=quality)
    (h, w), (height, width) = photo.rgb.shape[:2], sr.rgb.shape[:2]
    return f"{job.target}: {w}x{h} -> {width}x{height}, {time.perf_counter() - start:.1f} s"


def _found(inputs: Iterable[Path], out: Path) -> Iterable[tuple[Path, Path]]:
    """Yield each picture and its path below the folder that named it."""
    for given in inputs:
        if given.is_dir():
            pictures = [path for path in sorted(given.rglob("*")) if _is_input(path, given, out)]
            if not pictures:
                raise InputError(f"{given} holds no pictures ({', '.join(SUFFIXES)})")
            yield from ((path, path.relative_to(given)) for path in pictures)
        elif given.is_file():
            yield given, Path(given.name)
        else:
            raise InputError(f"{given}: no such file or folder")


def _is_input(path: Path, folder: Path, out: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    is_output = out.resolve() in path.resolve().parents and out.resolve() != folder.resolve()
    return path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and not is_output


def _ending(source: Path, file_format: str | None) -> str:
    if file_format is not None:
        return ENDINGS[file_format]
    return source.suffix if source.suffix.lower() in WRITABLE else ".png"

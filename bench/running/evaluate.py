"""One picture through one model: upscale (or take the saved picture), look through each protocol, measure."""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.metric import METRICS, PlaneMetric, as_number
from bench.protocols.presets import PROTOCOLS, Protocol, View, luma_view
from bench.running.plan import Need
from bench.store.rows import SavedPicture, Score
from sr_models.data.dataset import Picture, Sample, load_sample
from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of
from sr_models.data.image import Image, read_image, to_grey, write_image
from sr_models.data.luma import luma_uint8
from sr_models.data.resize import imresize


@dataclass
class Outcome:
    """What came of a need: rows to store, and what has none."""

    tried: tuple[Score, ...]
    """What should have been computed."""
    scores: list[Score] = field(default_factory=list)
    saved: SavedPicture | None = None
    """The upscaled picture, if there is one now."""
    lost: SavedPicture | None = None
    """A picture that could not be made (again)."""
    failures: list[str] = field(default_factory=list)
    not_applicable: list[tuple[str, str, str]] = field(default_factory=list)
    """(metric, why, picture)."""


def evaluate(need: Need, results: Path) -> Outcome:
    """Return the plane scores of one need, the upscaled picture saved; what is scored is what is saved.

    One model that fails, or one metric, does not sink the rest.
    """
    rows = tuple(row for row in need.rows if isinstance(METRICS[row.metric], PlaneMetric))
    outcome = Outcome(rows)
    label = f"{need.entrant.name} on {need.where}"
    try:
        sample = sample_of(need.picture, need.lr, need.multiple)
        image, outcome.saved = _upscaled(need, results, sample)
    except Exception as error:  # noqa: BLE001 (a model is anybody's code)
        outcome.tried = need.rows
        outcome.lost = need.saved
        outcome.failures.append(f"{label}: {reason(error)}")
        return outcome
    for protocol_name, group in groupby(rows, key=lambda row: row.protocol):
        try:
            sr, hr = _pair(need, PROTOCOLS[protocol_name], image)
        except Exception as error:  # noqa: BLE001 (a model's luma path is anybody's code)
            outcome.failures.append(f"{label}, protocol {protocol_name}: {reason(error)}")
            continue
        _measure(group, sr, hr, outcome, need)
    return outcome


def _measure(rows: Iterable[Score], sr: View, hr: View, outcome: Outcome, need: Need) -> None:
    for row in rows:
        try:
            value = as_number(plane_metric(row.metric)(sr, hr))
        except Exception as error:  # noqa: BLE001 (a metric is anybody's code)
            outcome.failures.append(f"{row.metric} of {need.entrant.name} on {need.where}: {reason(error)}")
            continue
        if np.isnan(value):
            outcome.not_applicable.append((row.metric, "the metric has no value for it (NaN)", need.where))
        else:
            outcome.scores.append(replace(row, value=value))


def reason(error: Exception) -> str:
    """Return an exception as a sentence, with the place it came from unless it is a user's mistake."""
    if isinstance(error, InputError):
        return str(error)
    line = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"


def plane_metric(name: str) -> PlaneMetric:
    """Return the plane metric of that name."""
    found = METRICS[name]
    if not isinstance(found, PlaneMetric):
        raise InputError(f"{name} looks at pictures, not at planes: it runs in the second pass")
    return found


def _upscaled(need: Need, results: Path, sample: Sample) -> tuple[Image, SavedPicture]:
    path = results / "images" / need.saved.path
    if need.is_kept and path.is_file() and sha256_of(path) == need.saved.sha256:
        return read_image(path), need.saved
    image = need.entrant.upscale(need.picture, sample)
    _check_output(need.entrant.name, image, sample)
    grey = sample.is_grey and not need.entrant.is_published
    write_image(path, image, grey=grey)
    as_saved = to_grey(image)[..., None].repeat(3, axis=2) if grey else image
    return as_saved, replace(need.saved, sha256=sha256_of(path))


def _check_output(name: str, image: object, sample: Sample) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != sample.shape:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"output of {name}: expected uint8 {sample.shape}, got {got}")


def _pair(need: Need, protocol: Protocol, image: Image) -> tuple[View, View]:
    picture = need.picture
    if protocol.luma_only:
        return _luma_pair(need, protocol)
    hr = _hr_view(picture, need.lr, need.multiple, protocol)
    is_grey = sample_of(picture, need.lr, need.multiple).is_grey
    return protocol.view(image, scale=picture.scale, is_grey=is_grey), hr


def _luma_pair(need: Need, protocol: Protocol) -> tuple[View, View]:
    """SRCNN's test script: rounded HR luma -> float LR -> float upscaled -> uint8."""
    upscale = need.entrant.luma(need.picture)
    if upscale is None:
        raise InputError(f"{need.entrant.name} has no luma path: {protocol.name} does not apply to it")
    scale = need.picture.scale
    sample = sample_of(need.picture, need.lr, need.multiple)
    hr = to_grey(sample.original) if sample.is_grey else luma_uint8(sample.original)
    sr = upscale(imresize(hr.astype(np.float64), 1 / scale))
    if not np.isfinite(sr).all():
        raise InputError(f"luma of {need.entrant.name}: expected finite numbers, got NaN or infinity")
    rounded = np.floor(sr.clip(0, 255) + 0.5).astype(np.uint8)
    return luma_view(rounded, protocol, scale), luma_view(hr, protocol, scale)


@lru_cache(maxsize=2)
def sample_of(picture: Picture, lr: str, multiple: int | None) -> Sample:
    """Needs come ordered by picture: each process decodes and degrades a picture once."""
    return load_sample(picture, lr, multiple)


@lru_cache(maxsize=8)
def _hr_view(picture: Picture, lr: str, multiple: int | None, protocol: Protocol) -> View:
    sample = sample_of(picture, lr, multiple)
    return protocol.view(sample.original, scale=picture.scale, is_grey=sample.is_grey)

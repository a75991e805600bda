"""One picture through one model: upscale (or take the saved picture), look through each protocol, measure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from bench.metric import METRICS, PictureMetric, PlaneMetric
from bench.protocols.presets import PROTOCOLS, Protocol, View, luma_view
from bench.running.entrants import Entrant, Running
from bench.store.table import SavedPicture, Score
from sr_models.data.dataset import Picture, Sample, load_sample
from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of
from sr_models.data.image import Image, read_image, to_grey, write_image
from sr_models.data.luma import luma_uint8
from sr_models.data.resize import imresize


@dataclass(frozen=True)
class Setting:
    """What holds for every picture of a run."""

    folder: Path
    lr: str
    multiple: int | None
    running: Running
    device: str
    """The kind of device that `running` leads to here: cpu, cuda or mps."""
    stated: Mapping[str, str] = field(default_factory=dict)
    """What the signature of a picture metric says of its weights."""


@dataclass(frozen=True)
class Task:
    """One entrant on one picture: the (protocol, plane metric) pairs that are missing or out of date."""

    entrant: Entrant
    picture: Picture
    wanted: tuple[tuple[str, str], ...]
    saved: SavedPicture | None
    """The picture that an earlier run left, where it is still what this run would make."""


@dataclass(frozen=True)
class Wanted:
    """One score of the second pass that is missing or out of date."""

    entrant: Entrant
    protocol: str
    metric: PictureMetric


@dataclass(frozen=True)
class Result:
    """What a task gives: rows to store."""

    scores: tuple[Score, ...]
    picture: SavedPicture


def evaluate(task: Task, setting: Setting) -> Result:
    """Return the scores of one task, the upscaled picture saved; what is scored is what is saved."""
    sample = sample_of(task.picture, setting.lr, setting.multiple)
    image, saved = _upscaled(task, setting, sample)
    scores = []
    for protocol_name, wanted in groupby(task.wanted, key=itemgetter(0)):
        sr, hr = _pair(task, setting, PROTOCOLS[protocol_name], image)
        for _, metric_name in wanted:
            value = plane_metric(metric_name)(sr, hr)
            scores.append(score_row(task.entrant, task.picture, setting, protocol_name, metric_name, value))
    return Result(tuple(scores), saved)


def applies(entrant: Entrant, picture: Picture, protocol: Protocol, metric: str) -> bool:
    """Return whether the protocol makes sense: `srcnn` never leaves luma, so it needs an entrant with a luma
    path and a metric of planes.
    """
    if not protocol.luma_only:
        return True
    return isinstance(METRICS[metric], PlaneMetric) and entrant.luma(picture) is not None


def plane_metric(name: str) -> PlaneMetric:
    """Return the plane metric of that name."""
    found = METRICS[name]
    if not isinstance(found, PlaneMetric):
        raise InputError(f"{name} looks at pictures, not at planes: it runs in the second pass")
    return found


def picture_path(entrant: str, picture: Picture) -> str:
    """Return where an upscaled picture lies below images/."""
    return f"{entrant}/{picture.dataset}/x{picture.scale}/{picture.image}.png"


def picture_key(entrant: Entrant, picture: Picture, setting: Setting) -> str | None:
    """Return 12 hex digits over everything that could change the upscaled picture; None: never trust it."""
    fingerprint = entrant.fingerprint(picture)
    if fingerprint is None:
        return None
    low = picture.lr_sha256 or setting.lr
    how = (setting.running.dtype, setting.running.self_ensemble, setting.device)
    return _digest(fingerprint, picture.hr_sha256, low, setting.multiple, *how)


def score_key(entrant: Entrant, picture: Picture, setting: Setting, protocol: str, metric: str) -> str | None:
    """Return 12 hex digits over everything that could change a score; None: never trust it."""
    made_from = picture_key(entrant, picture, setting)
    stated = setting.stated.get(metric, "")
    signature = METRICS[metric].signature(PROTOCOLS[protocol], picture.scale, stated)
    return None if made_from is None else _digest(made_from, signature)


UNTRUSTED = "0" * 12
"""The key of what has no stated version: it never matches, so it is computed anew every time."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def score_row(
    entrant: Entrant, picture: Picture, setting: Setting, protocol: str, metric: str, value: float
) -> Score:
    """Return the row that keeps a value."""
    key = score_key(entrant, picture, setting, protocol, metric) or UNTRUSTED
    return Score(
        entrant.name,
        picture.dataset,
        picture.scale,
        setting.lr,
        picture.image,
        protocol,
        metric,
        value,
        key,
    )


def _upscaled(task: Task, setting: Setting, sample: Sample) -> tuple[Image, SavedPicture]:
    relative = picture_path(task.entrant.name, task.picture)
    path = setting.folder / "images" / relative
    if task.saved is not None and path.is_file() and sha256_of(path) == task.saved.sha256:
        return read_image(path), task.saved
    image = task.entrant.upscale(task.picture, sample)
    _check_output(task.entrant.name, image, sample)
    grey = sample.is_grey and not task.entrant.is_published
    write_image(path, image, grey=grey)
    key = picture_key(task.entrant, task.picture, setting) or UNTRUSTED
    as_saved = to_grey(image)[..., None].repeat(3, axis=2) if grey else image
    return as_saved, SavedPicture(relative, key, sha256_of(path))


def _check_output(name: str, image: Image, sample: Sample) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != sample.hr.shape:
        came = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{name} must return uint8 {sample.hr.shape}, {came} came")


def _pair(task: Task, setting: Setting, protocol: Protocol, image: Image) -> tuple[View, View]:
    picture = task.picture
    if protocol.luma_only:
        return _luma_pair(task, setting, protocol)
    hr = _hr_view(picture, setting.lr, setting.multiple, protocol)
    is_grey = sample_of(picture, setting.lr, setting.multiple).is_grey
    return protocol.view(image, scale=picture.scale, is_grey=is_grey), hr


def _luma_pair(task: Task, setting: Setting, protocol: Protocol) -> tuple[View, View]:
    """SRCNN's test script: rounded HR luma -> float LR -> float upscaled -> uint8."""
    upscale = task.entrant.luma(task.picture)
    if upscale is None:
        raise ValueError(f"{task.entrant.name} has no luma path: {protocol.name} does not apply to it")
    scale = task.picture.scale
    sample = sample_of(task.picture, setting.lr, setting.multiple)
    hr = to_grey(sample.hr) if sample.is_grey else luma_uint8(sample.hr)
    sr = upscale(imresize(hr.astype(np.float64), 1 / scale))
    rounded = np.floor(sr.clip(0, 255) + 0.5).astype(np.uint8)
    return luma_view(rounded, protocol, scale), luma_view(hr, protocol, scale)


@lru_cache(maxsize=2)
def sample_of(picture: Picture, lr: str, multiple: int | None) -> Sample:
    """Tasks come ordered by picture: each process decodes and degrades a picture once."""
    return load_sample(picture, lr, multiple)


@lru_cache(maxsize=8)
def _hr_view(picture: Picture, lr: str, multiple: int | None, protocol: Protocol) -> View:
    sample = sample_of(picture, lr, multiple)
    return protocol.view(sample.hr, scale=picture.scale, is_grey=sample.is_grey)

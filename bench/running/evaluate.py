"""One picture through its models: upscale (or take the saved file), look through each protocol, measure."""

import hashlib
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.metric import METRICS, PlaneMetric, as_number
from bench.protocols.presets import PROTOCOLS, Protocol, View, luma_view
from bench.running.plan import Need
from bench.store.rows import SavedPicture, Score
from sr_models.data.dataset import Sample, load_sample
from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of
from sr_models.data.image import Image, encode_image, read_image, to_grey
from sr_models.data.luma import luma_uint8
from sr_models.data.resize import imresize
from sr_models.upscaler import Luma

if TYPE_CHECKING:
    from bench.running.parcel import Move


@dataclass
class Outcome:
    """What came of a need: rows and a picture to store, and what has none."""

    tried: tuple[Score, ...]
    """What should have been computed."""
    scores: list[Score] = field(default_factory=list)
    saved: SavedPicture | None = None
    """The upscaled picture, if there is one now, ..."""
    encoded: bytes = b""
    """... and its file, if it was made anew."""
    lost: SavedPicture | None = None
    """A picture that could not be made (again)."""
    failures: list[str] = field(default_factory=list)
    not_applicable: list[tuple[str, str, str]] = field(default_factory=list)
    """(metric, why, picture)."""


@dataclass(frozen=True)
class Task:
    """Needs of one picture, done by one process: all it takes besides the models and the picture's files."""

    needs: tuple[Need, ...]
    results: Path
    """Where pictures that were saved before lie."""

    def load(self) -> "Loaded":
        """Return the picture, decoded and degraded."""
        first = self.needs[0]
        return Loaded(load_sample(first.picture, first.lr, first.multiple))

    def failed(self, error: Exception) -> list[Outcome]:
        """Return what came of it if nothing could be done."""
        return [_failure(need, error) for need in self.needs]

    def unreadable(self, error: Exception) -> list[Outcome]:
        """Return the outcomes of a picture that cannot be loaded: one sentence for all models."""
        why = f"{self.needs[0].where}: {reason(error)}"
        return [Outcome(need.rows, lost=need.saved, failures=[why]) for need in self.needs]

    def on(self, device: str) -> "Task":
        """Return the same work with networks on a device."""
        return replace(self, needs=tuple(need.on(device) for need in self.needs))

    def moved(self, move: "Move") -> "Task":
        """Return the same work on the files that `move` names."""
        needs = tuple(need.moved(move, self.results) for need in self.needs)
        return replace(self, needs=needs, results=move.folder(self.results))

    def check(self) -> None:
        """Raise InputError where this machine's models or metrics are other ones than the rows say."""
        for need in self.needs:
            need.check()


@dataclass(frozen=True)
class Loaded:
    """A test picture, and its HR as each protocol sees it: made once for all models."""

    sample: Sample

    def view(self, protocol: Protocol, scale: int) -> View:
        """Return HR through a protocol."""
        if protocol.name not in self._views:
            self._views[protocol.name] = protocol.view(
                self.sample.original, scale=scale, is_grey=self.sample.is_grey
            )
        return self._views[protocol.name]

    @cached_property
    def _views(self) -> dict[str, View]:
        return {}


@dataclass(frozen=True)
class Made:
    """What a model made of a picture."""

    image: Image
    is_new: bool
    """Not the picture that an earlier run saved."""
    lumas: Mapping[str, tuple[View, View] | Exception]
    """Protocol that never leaves luma -> SR and HR, or why there are none."""


def evaluate(task: Task) -> list[Outcome]:
    """Return an outcome for each need of a picture: plane scores, and the picture as it is to be saved.

    What is scored is what is saved. One model that fails, or one metric, does not sink the rest.
    """
    try:
        original = task.load()
    except Exception as error:  # noqa: BLE001 (whatever a damaged file raises)
        return task.unreadable(error)
    return [scored(need, original, made(need, original, task.results)) for need in task.needs]


def at_once(need: Need, original: Loaded) -> int:
    """Return how many pictures of this size the model should be given together."""
    if need.is_kept:
        return 1
    try:
        return max(1, int(need.entrant.at_once(need.picture.scale, original.sample.lr.shape)))
    except Exception:  # noqa: BLE001 (a model is anybody's code: `made` tells what is wrong with it)
        return 1


def made_together(group: Sequence[tuple[Need, Loaded]], results: Path) -> list[Made | Exception]:
    """Return what one model makes of pictures of one size, given to it at once where there are several."""
    images: Sequence[Image | None] = [None] * len(group)
    if len(group) > 1:
        first = group[0][0]
        lrs = [original.sample.lr for _, original in group]
        with suppress(Exception):  # a model is anybody's code: one at a time tells which picture it is
            images = list(first.entrant.upscale_together(first.picture.scale, lrs))
    if len(images) != len(group):
        images = [None] * len(group)
    return [made(*each, results, image) for each, image in zip(group, images, strict=True)]


def made(need: Need, original: Loaded, results: Path, upscaled: Image | None = None) -> Made | Exception:
    """Return what the model makes (or has `upscaled`) of the picture, or what it raised.

    Models run in this step only.
    """
    try:
        image, is_new = _saved_image(need, results), False
        if image is None:
            image = need.entrant.upscale(need.picture, original.sample) if upscaled is None else upscaled
            is_new = True
            _check_output(need.entrant.name, image, original.sample)
    except Exception as error:  # noqa: BLE001 (a model is anybody's code)
        return error
    names = dict.fromkeys(row.protocol for row in need.rows)
    luma_only = [PROTOCOLS[name] for name in names if PROTOCOLS[name].luma_only]
    return Made(image, is_new, {each.name: _luma_pair(need, original.sample, each) for each in luma_only})


def scored(need: Need, original: Loaded, result: Made | Exception) -> Outcome:
    """Return the scores of what a model made, and its file: needs no model, so it may run beside the next."""
    if isinstance(result, Exception):
        return _failure(need, result)
    rows = tuple(row for row in need.rows if isinstance(METRICS[row.metric], PlaneMetric))
    outcome = Outcome(rows, saved=need.saved)
    image = result.image
    if result.is_new:
        grey = original.sample.is_grey and not need.entrant.is_published
        outcome.encoded = encode_image(image, grey=grey)
        outcome.saved = replace(need.saved, sha256=hashlib.sha256(outcome.encoded).hexdigest())
        image = to_grey(image)[..., None].repeat(3, axis=2) if grey else image
    for protocol_name, group in groupby(rows, key=lambda row: row.protocol):
        try:
            sr, hr = _pair(need, original, protocol_name, image, result.lumas.get(protocol_name))
        except Exception as error:  # noqa: BLE001 (a picture may be too small)
            outcome.failures.append(f"{_label(need)}, protocol {protocol_name}: {reason(error)}")
            continue
        _measure(group, sr, hr, outcome, need)
    return outcome


def _failure(need: Need, error: Exception) -> Outcome:
    return Outcome(need.rows, lost=need.saved, failures=[f"{_label(need)}: {reason(error)}"])


def _label(need: Need) -> str:
    return f"{need.entrant.name} on {need.where}"


def _measure(rows: Iterable[Score], sr: View, hr: View, outcome: Outcome, need: Need) -> None:
    for row in rows:
        try:
            value = as_number(plane_metric(row.metric)(sr, hr))
        except Exception as error:  # noqa: BLE001 (a metric is anybody's code)
            outcome.failures.append(f"{row.metric} of {_label(need)}: {reason(error)}")
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


def _saved_image(need: Need, results: Path) -> Image | None:
    """The picture that an earlier run left, if it is still the one that the index lists."""
    path = results / "images" / need.saved.path
    if not need.is_kept or not path.is_file():
        return None
    if sha256_of(path) != need.saved.sha256:
        return None
    return read_image(path)


def _check_output(name: str, image: object, sample: Sample) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != sample.shape:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"output of {name}: expected uint8 {sample.shape}, got {got}")


def _pair(
    need: Need,
    original: Loaded,
    protocol_name: str,
    image: Image,
    in_luma: tuple[View, View] | Exception | None,
) -> tuple[View, View]:
    if isinstance(in_luma, Exception):
        raise in_luma
    if in_luma is not None:
        return in_luma
    protocol, scale = PROTOCOLS[protocol_name], need.picture.scale
    sr = protocol.view(image, scale=scale, is_grey=original.sample.is_grey)
    return sr, original.view(protocol, scale)


def _luma_pair(need: Need, sample: Sample, protocol: Protocol) -> tuple[View, View] | Exception:
    """SRCNN's test script: rounded HR luma -> float LR -> float upscaled -> uint8."""
    try:
        upscale = need.entrant.luma(need.picture.scale)
        if upscale is None:
            raise InputError(f"{need.entrant.name} has no luma path: {protocol.name} does not apply to it")
        return _through_luma(upscale, need, sample, protocol)
    except Exception as error:  # noqa: BLE001 (a model's luma path is anybody's code)
        return error


def _through_luma(
    upscale: Callable[[Luma], Luma], need: Need, sample: Sample, protocol: Protocol
) -> tuple[View, View]:
    scale = need.picture.scale
    hr = to_grey(sample.original) if sample.is_grey else luma_uint8(sample.original)
    sr = upscale(imresize(hr.astype(np.float64), 1 / scale))
    if not np.isfinite(sr).all():
        raise InputError(f"luma of {need.entrant.name}: expected finite numbers, got NaN or infinity")
    rounded = np.floor(sr.clip(0, 255) + 0.5).astype(np.uint8)
    return luma_view(rounded, protocol, scale), luma_view(hr, protocol, scale)

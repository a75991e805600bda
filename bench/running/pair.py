"""The scores of one pair of pictures, without a results folder."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from bench.metric import (
    METRICS,
    CompositeMetric,
    PictureMetric,
    PlaneMetric,
    as_number,
    metric_names,
    with_parts,
)
from bench.perceptual.weights import check_weights, obtain
from bench.protocols.presets import protocol
from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError
from sr_models.data.image import SUFFIXES, Image, check_pair, read_picture


def score_pair(
    sr: object,
    hr: object,
    *,
    scale: int,
    protocol_name: str,
    metrics: Sequence[str],
    weights_dir: Path | None = None,
) -> dict[str, float]:
    """Return the value of each metric that has one; see `bench.score`."""
    how = protocol(protocol_name)
    if how.luma_only:
        raise InputError(f"protocol {how.name} upscales luma itself: it cannot score finished pictures")
    if scale < 1:
        raise InputError(f"scale: expected a whole number from 1, got {scale}")
    check_weights(weights_dir)
    if hr is None:
        _check_alone(metrics)
    sr_image, is_grey = _picture(sr, "sr")
    hr_image: Image | None = None
    if hr is not None:
        hr_image, is_grey = _picture(hr, "hr")
        check_pair(sr_image, hr_image)
    views = [
        how.view(image, scale=scale, is_grey=is_grey) for image in (sr_image, hr_image) if image is not None
    ]
    values = {}
    for name in with_parts(metrics):
        metric = METRICS[name]
        if isinstance(metric, PlaneMetric):
            values[name] = as_number(metric(*views))
        elif isinstance(metric, PictureMetric):
            crop_px = 0 if metric.whole else how.crop(scale)
            values[name] = _judged(metric, sr_image, hr_image, scale, crop_px, weights_dir)
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    for name in metrics:
        composite = METRICS[name]
        if isinstance(composite, CompositeMetric) and set(composite.needed) <= known.keys():
            known[name] = composite.value(known)
    return {name: known[name] for name in metrics if name in known}


def _check_alone(metrics: Sequence[str]) -> None:
    for name in with_parts(metrics):
        if METRICS[name].needs_original:
            alone = [each for each in metric_names() if not METRICS[each].needs_original]
            raise InputError(
                f"{name} compares with an original: give HR, or metrics that need none ({', '.join(alone)})"
            )


def _judged(
    metric: PictureMetric, sr: Image, hr: Image | None, scale: int, crop_px: int, weights_dir: Path | None
) -> float:
    from bench.perceptual.scene import Scene
    from bench.running.judge import exact_arithmetic
    from sr_models.inference.torch_upscaler import pick_device

    if metric.degrades and (sr.shape[0] % scale or sr.shape[1] % scale):
        raise InputError(f"{metric.name}: expected sides that are multiples of the scale {scale}")
    low = degradation("matlab")(hr, scale) if metric.degrades and hr is not None else sr
    scene = Scene((sr,), hr, low, scale, crop_px, "matlab", pick_device("auto"))
    if min(scene.cropped(sr).shape[:2]) < metric.min_side:
        return math.nan
    with exact_arithmetic():
        (value,) = metric.function(scene, *obtain(metric, weights_dir).paths)
    return as_number(value)


def _picture(given: object, name: str) -> tuple[Image, bool]:
    """The pixels as RGB, and whether they were one channel."""
    if isinstance(given, str | Path):
        return read_picture(given)
    if isinstance(given, PillowImage.Image):
        if given.mode not in ("1", "L", "RGB"):
            raise InputError(f"{name}: expected an RGB or grey picture, got mode {given.mode}")
        return np.asarray(given.convert("RGB")), given.mode != "RGB"
    if isinstance(given, np.ndarray) and given.dtype == np.uint8:
        if given.ndim == 2:
            return given[..., None].repeat(3, axis=2), True
        if given.ndim == 3 and given.shape[2] == 3:
            return given, False
    got = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
    raise InputError(f"{name}: expected uint8 (H, W, 3) or (H, W), a PIL picture or a file, got {got}")


def pairs_of(sr: Path, hr: Path | None) -> tuple[list[tuple[str, Path, Path | None]], list[str]]:
    """Return (name, sr, hr) of two files, or of the files with one stem in two folders; and who is alone.

    Without hr, every picture of sr stands for itself. Raises InputError where nothing can be paired.
    """
    if hr is None:
        return _without_originals(sr), []
    for path in (sr, hr):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    if sr.is_dir() != hr.is_dir():
        raise InputError(f"expected two files or two folders, got {sr} and {hr}")
    if not sr.is_dir():
        return [(sr.stem, sr, hr)], []
    theirs, ours = _by_stem(sr), _by_stem(hr)
    pairs: list[tuple[str, Path, Path | None]] = [
        (stem, theirs[stem], ours[stem]) for stem in sorted(theirs.keys() & ours.keys())
    ]
    if not pairs:
        raise InputError(f"no picture of {sr} has the name of one in {hr}: expected one file name in both")
    return pairs, [str({**theirs, **ours}[stem]) for stem in sorted(theirs.keys() ^ ours.keys())]


def _without_originals(sr: Path) -> list[tuple[str, Path, Path | None]]:
    if not sr.exists():
        raise InputError(f"{sr}: no such file or folder")
    found = _by_stem(sr) if sr.is_dir() else {sr.stem: sr}
    if not found:
        raise InputError(f"{sr} holds no pictures ({', '.join(SUFFIXES)})")
    return [(stem, path, None) for stem, path in sorted(found.items())]


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} have one name: expected one file a picture")
        found[path.stem] = path
    return found

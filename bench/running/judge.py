"""The second pass of a run: picture metrics, for all models of a picture at once."""

import math
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import torch

from bench.perceptual.scene import Scene
from bench.perceptual.weights import Found
from bench.protocols.presets import PROTOCOLS
from bench.running.evaluate import Setting, Wanted, picture_path, sample_of, score_row
from bench.store.table import Score
from sr_models.data.dataset import Picture
from sr_models.data.errors import InputError
from sr_models.data.image import read_image
from sr_models.inference.torch_upscaler import pick_device


@dataclass
class Verdict:
    """What one metric said of one picture."""

    metric: str
    scores: list[Score] = field(default_factory=list)
    not_applicable: str = ""
    """Why some or all versions of the picture have no value."""
    failure: str = ""


def judge(
    picture: Picture, wanted: Sequence[Wanted], setting: Setting, weights: Mapping[str, Found]
) -> Iterator[Verdict]:
    """Yield a verdict for each metric (and crop): protocols that crop alike share its values."""
    scenes = lru_cache(maxsize=2)(lambda crop_px, entrants: _scene(picture, setting, crop_px, entrants))
    groups: dict[tuple[str, int], list[Wanted]] = {}
    for each in wanted:
        crop_px = 0 if each.metric.whole else PROTOCOLS[each.protocol].crop(picture.scale)
        groups.setdefault((each.metric.name, crop_px), []).append(each)
    for (_, crop_px), group in groups.items():
        present = [each for each in group if _saved(each.entrant.name, picture, setting).is_file()]
        entrants = tuple(dict.fromkeys(each.entrant.name for each in present))
        if entrants:  # what could not be upscaled has been reported already
            yield _verdict(scenes(crop_px, entrants), present, picture, setting, weights)


def _verdict(
    scene: Scene, group: Sequence[Wanted], picture: Picture, setting: Setting, weights: Mapping[str, Found]
) -> Verdict:
    metric = group[0].metric
    verdict = Verdict(metric.name)
    names = list(dict.fromkeys(each.entrant.name for each in group))
    height, width = scene.cropped(scene.hr_image).shape[:2]
    if min(height, width) < metric.min_side:
        verdict.not_applicable = f"it wants {metric.min_side} pixels on each side"
        return verdict
    try:
        with _exact():
            values = [float(value) for value in metric.function(scene, *weights[metric.name].paths)]
    except InputError as error:  # a parameter file: the same for every picture
        verdict.failure = f"{metric.name}: {error}"
        return verdict
    except Exception as error:  # noqa: BLE001 (a metric may be anybody's code)
        verdict.failure = f"{metric.name} on {picture.dataset}/{picture.name}: {_reason(error)}"
        return verdict
    by_name = dict(zip(names, values, strict=True))
    for each in group:
        value = by_name[each.entrant.name]
        if math.isnan(value):
            verdict.not_applicable = "no value for a picture so small or so flat"
            continue
        verdict.scores.append(score_row(each.entrant, picture, setting, each.protocol, metric.name, value))
    return verdict


def _scene(picture: Picture, setting: Setting, crop_px: int, entrants: Sequence[str]) -> Scene:
    sample = sample_of(picture, setting.lr, setting.multiple)
    return Scene(
        images=tuple(read_image(_saved(name, picture, setting)) for name in entrants),
        hr_image=sample.hr,
        lr_image=sample.lr,
        scale=picture.scale,
        crop_px=crop_px,
        degradation="matlab" if picture.lr is not None else setting.lr,
        device=pick_device(setting.running.device),
    )


def _saved(name: str, picture: Picture, setting: Setting) -> Path:
    return setting.folder / "images" / picture_path(name, picture)


@contextmanager
def _exact() -> Iterator[None]:
    """No gradients, and no TF32, whose ten bits of mantissa move the fourth digit of a score."""
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        yield


def _reason(error: Exception) -> str:
    line = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"

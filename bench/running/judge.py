"""The second pass of a run: picture metrics, for all models of a picture at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from bench.metric import METRICS, PictureMetric, as_number
from bench.perceptual.scene import Scene
from bench.perceptual.weights import Found
from bench.protocols.presets import PROTOCOLS
from bench.running.entrants import Original
from bench.running.evaluate import Outcome, reason
from bench.running.plan import Need, check_signature
from bench.store.rows import Score
from sr_models.data.dataset import Sample, load_sample
from sr_models.data.errors import InputError
from sr_models.data.image import read_image
from sr_models.inference.torch_upscaler import pick_device

if TYPE_CHECKING:
    from bench.running.parcel import Move

_MOST_PIXELS = 1 << 24  # of all models' pictures at once: 200 MB as float32; more models come in parts


@dataclass(frozen=True)
class Case:
    """All models' versions of one picture, judged by one process: it travels, so it is pickled."""

    needs: tuple[Need, ...]
    """Their upscaled pictures must be there."""
    results: Path
    device: str
    weights: Mapping[str, Found]

    def failed(self, error: Exception) -> list[Outcome]:
        """Return what came of it if nothing could be done."""
        rows = tuple(row for need in self.needs for row in need.rows if _is_judged(row))
        return [Outcome(rows, failures=[f"picture metrics on {self.needs[0].where}: {reason(error)}"])]

    def on(self, device: str) -> "Case":
        """Return the same case on a device."""
        return replace(self, device=device)

    def moved(self, move: "Move") -> "Case":
        """Return the same case with the files that `move` names."""
        judged = (replace(need, entrant=Original(), is_kept=True) for need in self.needs)  # no model runs
        needs = tuple(need.moved(move, self.results) for need in judged)
        weights = {
            name: replace(found, paths=tuple(move.weights(path) for path in found.paths))
            for name, found in self.weights.items()
        }
        return replace(self, needs=needs, results=move.folder(self.results), weights=weights)

    def check(self) -> None:
        """Raise InputError where this machine's metrics are other ones than the rows say."""
        for row in (row for need in self.needs for row in need.rows if _is_judged(row)):
            stated = self.weights[row.metric].stated
            here = METRICS[row.metric].signature(PROTOCOLS[row.protocol], row.scale, stated)
            check_signature(row, here)


def judge(case: Case) -> list[Outcome]:
    """Return outcomes for each metric and crop of a picture: protocols that crop alike share its values."""
    first = case.needs[0]
    sample = load_sample(first.picture, first.lr, first.multiple)
    n = max(1, _MOST_PIXELS // (sample.shape[0] * sample.shape[1]))
    parts = [case.needs[start : start + n] for start in range(0, len(case.needs), n)]
    return [outcome for part in parts for outcome in _judged(case, part, sample)]


def _judged(case: Case, needs: Sequence[Need], sample: Sample) -> Iterator[Outcome]:
    scenes = lru_cache(maxsize=2)(lambda crop_px, paths: _scene(case, sample, crop_px, paths))
    groups: dict[tuple[PictureMetric, int], list[tuple[str, Score]]] = {}
    for need in needs:
        for row in need.rows:
            metric = METRICS[row.metric]
            if isinstance(metric, PictureMetric):
                crop_px = 0 if metric.whole else PROTOCOLS[row.protocol].crop(row.scale)
                groups.setdefault((metric, crop_px), []).append((need.saved.path, row))
    for (metric, crop_px), group in groups.items():
        outcome = Outcome(tuple(row for _, row in group))
        paths = tuple(dict.fromkeys(path for path, _ in group))
        why = _why_not(metric, needs[0], scenes(crop_px, paths))
        if why:
            outcome.not_applicable.append((metric.name, why, needs[0].where))
        else:
            _measure(
                metric, scenes(crop_px, paths), case.weights[metric.name], outcome, group, needs[0].where
            )
        yield outcome


def _is_judged(row: Score) -> bool:
    return isinstance(METRICS[row.metric], PictureMetric)


def _why_not(metric: PictureMetric, need: Need, scene: Scene) -> str:
    if min(scene.cropped(scene.images[0]).shape[:2]) < metric.min_side:
        return f"it needs {metric.min_side} pixels on each side"
    if metric.degrades and need.picture.lr is not None:
        return "how stored LR pictures were made is not known"
    return ""


def _measure(
    metric: PictureMetric,
    scene: Scene,
    found: Found,
    outcome: Outcome,
    group: Sequence[tuple[str, Score]],
    where: str,
) -> None:
    """Add each version's value to the outcome, or why there is none."""
    paths = dict.fromkeys(path for path, _ in group)
    try:
        with exact_arithmetic():
            values = [as_number(value) for value in metric.function(scene, *found.paths)]
        by_path = dict(zip(paths, values, strict=True))
    except InputError as error:  # a parameter file: the same for every picture
        outcome.failures.append(f"{metric.name}: {error}")
        return
    except Exception as error:  # noqa: BLE001 (a metric may be anybody's code)
        outcome.failures.append(f"{metric.name} on {where}: {reason(error)}")
        return
    for path, row in group:
        if math.isnan(by_path[path]):
            why = "no value for a picture so small or so flat"
            outcome.not_applicable.append((metric.name, why, where))
        else:
            outcome.scores.append(replace(row, value=by_path[path]))


def _scene(case: Case, sample: Sample, crop_px: int, paths: Sequence[str]) -> Scene:
    need = case.needs[0]
    return Scene(
        images=tuple(read_image(case.results / "images" / path) for path in paths),
        original=sample.hr,
        lr_image=sample.lr,
        scale=need.picture.scale,
        crop_px=crop_px,
        degradation=need.lr,
        device=pick_device(case.device),
    )


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """No gradients, and no TF32, whose ten bits of mantissa move the fourth digit of a score."""
    flags = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), flags:
        yield

"""How good the averaged weights are on pictures that were never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError
from sr_models.data.image import Image, crop_border, crop_to_multiple, write_image
from sr_models.data.luma import gradient_energy, luma, psnr
from sr_models.data.resize import imresize
from sr_models.training.pack import Pack
from sr_models.upscaler import Upscaler

_SIDE_PX = 192
"""Middle part of a held-out picture that is looked at: enough of them to choose by, seconds on a CPU."""
_SAMPLES = 4


@dataclass(frozen=True)
class HeldOut:
    """Pairs to validate on."""

    hr: tuple[Image, ...]
    lr: tuple[Image, ...]


@dataclass(frozen=True)
class Validation:
    """Means over the held-out pictures."""

    psnr_db: float
    """Luma (BT.601, not rounded), a border of `scale` px left out."""
    consistency_db: float
    """RGB PSNR of the shrunken result against the LR picture: falls when colours shift."""
    gradient_energy: float
    """Of the result's luma, over that of HR: below 1 is too smooth, above it too busy (as in `bench`)."""


def held_out(pack: Pack, scale: int) -> HeldOut:
    """Return the middles of pack's held-out pictures; flat ones, which any model gets right, are left out.

    Raises InputError if none is left.
    """
    middles = [_middle(pack.image(p)) for p in pack.pictures if p.held_out]
    hr = [crop_to_multiple(m, scale) for m in middles if _is_measurable(m, scale)]
    if not hr:
        raise InputError(
            f"{pack.path}: no picture to validate on: expected at least two that are not flat in their "
            f"middle {_SIDE_PX} px, got {len(pack.pictures)}"
        )
    return HeldOut(tuple(hr), tuple(imresize(image, 1 / scale) for image in hr))


def write_held_out(pack: Pack, scale: int, folder: Path) -> int:
    """Write what `held_out` looks at as PNG files, for `bench` to judge snapshots on; return their number."""
    pairs = held_out(pack, scale)
    for index, hr in enumerate(pairs.hr):
        write_image(folder / f"held_out_{index:02d}.png", hr)
    return len(pairs.hr)


def validate(model: Upscaler, pairs: HeldOut) -> tuple[Validation, list[Image]]:
    """Return the figures, and the upscaled pictures."""
    results = [model(lr) for lr in pairs.lr]
    return measure(results, pairs.hr, pairs.lr), results


def measure(results: Sequence[Image], hrs: Sequence[Image], lrs: Sequence[Image]) -> Validation:
    """Return the means of what results score against hrs and lrs."""
    scale = hrs[0].shape[0] // lrs[0].shape[0]
    trimmed = [
        (luma(crop_border(sr, scale)), luma(crop_border(hr, scale)))
        for sr, hr in zip(results, hrs, strict=True)
    ]
    consistency = [_psnr(imresize(sr, 1 / scale), lr) for sr, lr in zip(results, lrs, strict=True)]
    energy = [gradient_energy(sr) / max(1e-9, gradient_energy(hr)) for sr, hr in trimmed]
    return Validation(
        float(np.mean([_psnr(sr, hr) for sr, hr in trimmed])),
        float(np.mean(consistency)),
        float(np.mean(energy)),
    )


def write_samples(path: Path, results: Sequence[Image], pairs: HeldOut) -> None:
    """Write one PNG: a row a picture, with LR (pixels as squares), the result and HR side by side."""
    rows = []
    for lr, sr, hr in list(zip(pairs.lr, results, pairs.hr, strict=True))[:_SAMPLES]:
        scale = hr.shape[0] // lr.shape[0]
        rows.append(np.concatenate([lr.repeat(scale, 0).repeat(scale, 1), sr, hr], axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows]
    write_image(path, np.concatenate(padded))


def _psnr(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> float:
    """Return the PSNR in dB, at most 100: one picture without an error must not make the mean infinite."""
    return min(100.0, psnr(a, b))


def _is_measurable(image: Image, scale: int) -> bool:
    return min(image.shape[:2]) >= 4 * scale and bool(np.ptp(luma(crop_border(image, scale))) > 0)


def _middle(image: Image) -> Image:
    top, left = max(0, image.shape[0] - _SIDE_PX) // 2, max(0, image.shape[1] - _SIDE_PX) // 2
    return image[top : top + _SIDE_PX, left : left + _SIDE_PX]

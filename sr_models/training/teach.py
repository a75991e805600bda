"""What a teacher makes of every training picture: targets for another network, or for itself.

An original holds detail that its LR side does not determine. Trained on originals a network must find the
mean of what is possible by averaging over pictures, and of a few hundred it learns their noise; a teacher's
mean over the eight orientations has that noise averaged out (Hinton et al. 2015; Timofte et al., CVPR 2016).
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import Image, crop_to_multiple
from sr_models.data.resize import imresize
from sr_models.inference.torch_upscaler import self_ensemble
from sr_models.training.pack import Header, Pack, Picture, assemble, open_pack, pixels_sha256
from sr_models.upscaler import Upscaler


@dataclass(frozen=True)
class Teaching:
    """How targets are made."""

    orientations: Literal[1, 4, 8] = 8
    """Over which the teacher's reconstructions are averaged: as it is; four turns; mirrored, too."""
    jobs: int = 1
    """Pictures at a time."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What a card shall say of the teacher."""


def write_targets(pack: Pack, teacher: Upscaler, out: Path, how: Teaching, *, quiet: bool = False) -> Pack:
    """Write a pack with teacher's reconstruction in place of every training picture, and return its contents.

    Held-out pictures stay as they are, and so do rows and columns beyond a multiple of the scale.
    """
    pixels = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with pixels.open("wb") as file, ThreadPoolExecutor(how.jobs) as pool:
            targets = pool.map(partial(_target, pack, teacher, how.orientations), pack.pictures)
            pictures = []
            bar = tqdm(targets, total=len(pack.pictures), unit="picture", desc="teaching", disable=quiet)
            for picture, image in zip(pack.pictures, bar, strict=True):
                file.write(image.tobytes())
                pictures.append(replace(picture, sha256=pixels_sha256(image)))
        about = {**how.about, "orientations": how.orientations, "pack": pack.digest()}
        assemble(pixels, out, Header(pictures, pack.checked_against, about))
    finally:
        pixels.unlink(missing_ok=True)
    return open_pack(out)


def open_targets(path: Path, pack: Pack) -> Pack:
    """Return the targets at path, or raise InputError unless they were made from pack."""
    targets = open_pack(path)
    if targets.teacher is None:
        raise InputError(f"{path}: pictures, not targets: make them with `sr-models teach`")
    if targets.teacher["pack"] != pack.digest():
        raise InputError(
            f"{path}: made from the pack {targets.teacher['pack']}, expected {pack.digest()} ({pack.path}): "
            "make targets from this pack with `sr-models teach`"
        )
    return targets


def _target(pack: Pack, teacher: Upscaler, orientations: Literal[1, 4, 8], picture: Picture) -> Image:
    target = pack.image(picture).copy()
    if picture.held_out:
        return target
    whole = crop_to_multiple(target, teacher.scale)
    lr = imresize(whole, 1 / teacher.scale)

    def levels(x: Tensor) -> Tensor:  # (3, h, w) -> (3, H, W), exact sums in float64
        return torch.from_numpy(teacher(x.permute(1, 2, 0).contiguous().numpy())).permute(2, 0, 1).double()

    mean = self_ensemble(levels, torch.from_numpy(lr).permute(2, 0, 1), orientations)
    target[: whole.shape[0], : whole.shape[1]] = mean.add(0.5).floor().permute(1, 2, 0).numpy()
    return target

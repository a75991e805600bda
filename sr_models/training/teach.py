"""What a teacher makes of every training picture: targets for another network, or for itself.

An original holds detail that its LR side does not determine. Trained on originals a network must find the
mean of what is possible by averaging over pictures, and of a few hundred it learns their noise; a teacher's
mean over the eight orientations has that noise averaged out (Hinton et al. 2015; Timofte et al., CVPR 2016).
"""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import Image, crop_to_multiple
from sr_models.data.resize import imresize
from sr_models.training.pack import Header, Pack, Picture, assemble, open_pack, pixels_sha256
from sr_models.upscaler import Upscaler


def write_targets(
    pack: Pack, teacher: Upscaler, out: Path, *, about: dict[str, Any], quiet: bool = False
) -> Pack:
    """Write a pack with teacher's reconstruction in place of every training picture, and return its contents.

    about is what a card shall say of the teacher. Held-out pictures, and the rows and columns beyond a
    multiple of the scale, stay as they are.
    """
    partial = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file:
            pictures = []
            for picture in tqdm(pack.pictures, unit="picture", desc="teaching", disable=quiet):
                image = _target(pack.image(picture), teacher, keep=picture.held_out)
                file.write(image.tobytes())
                pictures.append(_with_pixels(picture, image))
        assemble(partial, out, Header(pictures, pack.checked_against, {**about, "pack": pack.digest()}))
    finally:
        partial.unlink(missing_ok=True)
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


def _target(image: Image, teacher: Upscaler, *, keep: bool) -> Image:
    if keep:
        return image
    whole = crop_to_multiple(image, teacher.scale)
    target = image.copy()
    target[: whole.shape[0], : whole.shape[1]] = teacher(imresize(whole, 1 / teacher.scale))
    return target


def _with_pixels(picture: Picture, image: Image) -> Picture:
    return Picture(**{**vars(picture), "sha256": pixels_sha256(np.ascontiguousarray(image))})

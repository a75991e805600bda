"""What a teacher makes of every training picture: targets for another network, or for itself.

An original holds detail that its LR side does not determine. Trained on originals a network must find the
mean of what is possible by averaging over pictures, and of a few hundred it learns their noise; a teacher's
mean over the eight orientations has that noise averaged out (Hinton et al. 2015; Timofte et al., CVPR 2016).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import Image, crop_to_multiple
from sr_models.data.resize import imresize
from sr_models.training.pack import Header, Pack, Picture, assemble, open_pack, pixels_sha256
from sr_models.upscaler import Upscaler


def write_targets(
    pack: Pack, teacher: Upscaler, out: Path, *, about: dict[str, Any], jobs: int = 1, quiet: bool = False
) -> Pack:
    """Write a pack with teacher's reconstruction in place of every training picture, and return its contents.

    about is what a card shall say of the teacher; jobs is the number of pictures at a time. Held-out pictures, and the rows and columns beyond a
    multiple of the scale, stay as they are.
    """
    partial = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file, ThreadPoolExecutor(jobs) as pool:
            targets = pool.map(lambda picture: _target(pack, picture, teacher), pack.pictures)
            pictures = []
            bar = tqdm(targets, total=len(pack.pictures), unit="picture", desc="teaching", disable=quiet)
            for picture, image in zip(pack.pictures, bar, strict=True):
                file.write(image.tobytes())
                pictures.append(replace(picture, sha256=pixels_sha256(image)))
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


def _target(pack: Pack, picture: Picture, teacher: Upscaler) -> Image:
    target = pack.image(picture).copy()
    if picture.held_out:
        return target
    whole = crop_to_multiple(target, teacher.scale)
    target[: whole.shape[0], : whole.shape[1]] = teacher(imresize(whole, 1 / teacher.scale))
    return target

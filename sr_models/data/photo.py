"""A picture with what its file says beyond RGB: one channel or three, transparency, colour profile."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageOps
from scipy.ndimage import distance_transform_edt

from sr_models.data.errors import InputError
from sr_models.data.image import Image, open_picture, to_grey, write_bytes

WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's format by the ending of a file's name."""
QUALITY = 95
"""Of JPEG and WebP files: losses are invisible at 100 % view."""
_MOST_PX = {"PNG": 2**31 - 1, "JPEG": 65_500, "WEBP": 16_383}  # a side, by the formats' specifications


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels as models take them, and what is needed to write a file like the one they came from."""

    rgb: Image
    is_grey: bool = False
    """The file has one colour channel; `rgb` holds it three times, or is reduced to it by `to_grey`."""
    alpha: npt.NDArray[np.uint8] | None = None
    """(H, W), 255 where opaque; None where the file has no transparency."""
    icc_profile: bytes | None = None


def read_photo(path: str | os.PathLike[str]) -> Photo:
    """Return the photo in a PNG, TIFF, JPEG, BMP or WebP file, or raise InputError naming the file."""
    with open_picture(path) as picture:
        try:
            return from_pillow(picture)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def from_pillow(picture: PillowImage.Image) -> Photo:
    """Return a Pillow picture as a photo, an EXIF orientation applied; 16-bit and CMYK raise InputError."""
    upright = ImageOps.exif_transpose(picture)
    plain = _without_palette(upright)
    if plain.mode not in ("L", "LA", "RGB", "RGBA"):
        raise InputError(f"expected an 8-bit grey or RGB picture, got mode {plain.mode}: convert it first")
    has_alpha = plain.mode in ("LA", "RGBA")
    return Photo(
        rgb=np.asarray(plain.convert("RGB")),
        is_grey=plain.mode in ("L", "LA"),
        alpha=np.asarray(plain.getchannel("A")) if has_alpha else None,
        icc_profile=picture.info.get("icc_profile"),
    )


def _without_palette(picture: PillowImage.Image) -> PillowImage.Image:
    is_grey = picture.mode in ("1", "L", "LA")
    if "transparency" in picture.info or picture.mode == "PA":
        return picture.convert("LA" if is_grey else "RGBA")
    return picture.convert("L" if is_grey else "RGB") if picture.mode in ("1", "P") else picture


def to_pillow(photo: Photo) -> PillowImage.Image:
    """Return the photo as a Pillow picture of mode L, LA, RGB or RGBA, with its colour profile."""
    picture = PillowImage.fromarray(to_grey(photo.rgb) if photo.is_grey else photo.rgb)
    if photo.alpha is not None:
        picture.putalpha(PillowImage.fromarray(photo.alpha))
    if photo.icc_profile:
        picture.info["icc_profile"] = photo.icc_profile
    return picture


def write_photo(path: str | os.PathLike[str], photo: Photo, *, quality: int = QUALITY) -> None:
    """Write a PNG, JPEG or WebP file (the name's ending says which), whole or not at all.

    Raises InputError for other endings, for transparency in a JPEG, and for sides a format cannot hold.
    """
    kind = WRITABLE.get(Path(path).suffix.lower())
    if kind is None:
        raise InputError(f"{path}: expected a name that ends in {', '.join(WRITABLE)}")
    if kind == "JPEG" and photo.alpha is not None:
        raise InputError(f"{path}: JPEG cannot hold transparency: write PNG or WebP")
    height, width = photo.rgb.shape[:2]
    if max(height, width) > _MOST_PX[kind]:
        raise InputError(
            f"{path}: {kind} holds at most {_MOST_PX[kind]} px a side, got {width}x{height}: write PNG"
        )
    buffer = io.BytesIO()
    picture = to_pillow(photo)
    if kind == "PNG":
        picture.save(buffer, kind, icc_profile=photo.icc_profile)
    else:  # without chroma subsampling, which would blur what a model has just sharpened
        picture.save(buffer, kind, quality=quality, subsampling=0, icc_profile=photo.icc_profile)
    write_bytes(path, buffer.getvalue())


def colours_under_transparency(photo: Photo) -> Image:
    """Return rgb with each fully transparent pixel in the colour of the nearest one that can be seen.

    What a file stores there is arbitrary, often black, and would be drawn into the visible edge.
    """
    if photo.alpha is None or photo.alpha.min() > 0 or photo.alpha.max() == 0:
        return photo.rgb
    rows, columns = distance_transform_edt(photo.alpha == 0, return_distances=False, return_indices=True)
    return np.ascontiguousarray(photo.rgb[rows, columns])

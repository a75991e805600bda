"""What `import sr_models` offers: models as functions on pictures, and picture files."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from sr_models.data.errors import InputError
from sr_models.data.image import read_image
from sr_models.data.photo import QUALITY, Photo, from_pillow, to_pillow, write_photo
from sr_models.inference.photo_upscaler import upscale_photo
from sr_models.models import find_any_model
from sr_models.upscaler import Upscaler

if TYPE_CHECKING:
    from sr_models.inference.torch_upscaler import Dtype

__all__ = ["PictureUpscaler", "load", "read_image", "upscale", "write_image"]

Picture = TypeVar("Picture", npt.NDArray[np.uint8], PillowImage.Image)
"""A uint8 array, (H, W, 3) RGB or (H, W) grey, or a Pillow picture."""

DEFAULT_SCALE = 4
"""Where neither the caller nor the model's file states one: the papers', and that of every shipped model."""


@dataclass(frozen=True)
class PictureUpscaler:
    """A model as a function on pictures. Build it with `load`."""

    name: str
    upscaler: Upscaler

    @property
    def scale(self) -> int:
        """The factor by which both sides grow."""
        return self.upscaler.scale

    def __call__(self, picture: Picture) -> Picture:
        """Return picture at `scale` times its size, as the same kind of object.

        Arrays are uint8, 0 to 255: (H, W, 3) RGB gives (scale*H, scale*W, 3); (H, W) grey gives (scale*H,
        scale*W). Pillow pictures keep transparency and colour profile; an EXIF orientation is applied, a
        palette is expanded. Grey goes through the model as R = G = B and comes back as round(0.299 R +
        0.587 G + 0.114 B). Raises InputError (a ValueError) for other shapes, types and modes.
        """
        return _like(upscale_photo(_photo(picture), self.upscaler), picture)


def load(
    model: str | os.PathLike[str],
    *,
    scale: int | None = None,
    device: str = "auto",
    dtype: str = "fp32",
    self_ensemble: bool = False,
    memory_mb: int = 2048,
) -> PictureUpscaler:
    """Return a model as a function on pictures, with the attribute `scale`.

    model is what the commands take: a name (`sr-models list`), a file (weights of ours, a checkpoint that
    spandrel knows, ONNX, TorchScript), or a factory, `module:function` or `path/file.py:function`.

    scale: by default the one that a file states, else 4. device: `auto` (CUDA, else MPS, else CPU) or a torch
    name. dtype: `fp32`, `bf16` or `fp16`. self_ensemble: the mean over eight orientations, 8 times the time.
    memory_mb: larger pictures are computed in tiles, which changes nothing but rounding. These four act on
    torch networks; for other models a dtype or self_ensemble is an error, and device has no effect.

    Raises InputError (a ValueError) for unknown names (saying what was near), files that are not models,
    scales a model does not have, and devices that are not here.

    >>> import numpy, sr_models
    >>> model = sr_models.load("bicubic", scale=2)
    >>> model(numpy.zeros((4, 6, 3), numpy.uint8)).shape
    (8, 12, 3)
    >>> sr_models.load("srresnet-mse").scale
    4
    """
    found = find_any_model(os.fspath(model))
    if scale is None and found.build_at_own_scale is not None:
        upscaler = found.build_at_own_scale()
    else:
        upscaler = found.build(DEFAULT_SCALE if scale is None else scale)
    if hasattr(upscaler, "inference"):  # a torch network
        from sr_models.inference.torch_upscaler import Inference, with_inference

        inference = Inference(device, cast("Dtype", dtype), memory_mb, self_ensemble)
        upscaler = with_inference(upscaler, inference)
    elif dtype != "fp32" or self_ensemble:
        raise InputError(f"{found.name} is not a torch network: dtype and self_ensemble do not apply to it")
    return PictureUpscaler(found.name, upscaler)


def upscale(
    picture: Picture,
    model: str | os.PathLike[str] = "srresnet-mse",
    *,
    scale: int | None = None,
    device: str = "auto",
    dtype: str = "fp32",
    self_ensemble: bool = False,
) -> Picture:
    """Return picture, a uint8 array or a Pillow picture, upscaled by model: one call for one picture.

    Arguments, shapes and errors are those of `load` and of what it returns. For many pictures call `load`
    once instead.

    >>> import numpy, sr_models
    >>> sr_models.upscale(numpy.zeros((5, 7), numpy.uint8), "nearest", scale=3).shape
    (15, 21)
    """
    chosen = load(model, scale=scale, device=device, dtype=dtype, self_ensemble=self_ensemble)
    return chosen(picture)


def write_image(path: str | os.PathLike[str], picture: Picture, *, quality: int = QUALITY) -> None:
    """Write picture as PNG, JPEG or WebP (the name's ending says which), whole or not at all.

    picture: uint8 (H, W, 3) RGB or (H, W) grey, or a Pillow picture, whose transparency and colour profile
    are kept. quality, 1 to 100, is that of JPEG and WebP. Folders are made, an existing file is replaced.
    Raises InputError (a ValueError) for other endings, shapes and modes, and for transparency in a JPEG.

    >>> import pathlib, tempfile, numpy, sr_models
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "black.webp"
    >>> sr_models.write_image(path, numpy.zeros((4, 6, 3), numpy.uint8))
    >>> sr_models.read_image(path).shape
    (4, 6, 3)
    """
    write_photo(path, _photo(picture), quality=quality)


def _photo(picture: object) -> Photo:
    if isinstance(picture, PillowImage.Image):
        return from_pillow(picture)
    if not isinstance(picture, np.ndarray):
        raise InputError(
            f"expected a uint8 array or a Pillow picture, got {type(picture).__name__}: "
            "sr_models.read_image(path) reads a file"
        )
    is_grey = picture.ndim == 2
    if picture.dtype != np.uint8 or not (is_grey or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise InputError(
            f"expected uint8 of shape (H, W, 3) or (H, W), got {picture.dtype} of shape {picture.shape}"
        )
    if picture.size == 0:
        raise InputError(f"expected a picture with pixels, got shape {picture.shape}")
    return Photo(np.repeat(picture[..., None], 3, axis=2) if is_grey else picture, is_grey)


def _like(photo: Photo, given: Picture) -> Picture:
    picture = to_pillow(photo)
    if isinstance(given, PillowImage.Image):
        return picture
    return np.array(picture) if photo.is_grey else photo.rgb

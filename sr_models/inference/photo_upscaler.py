"""An upscaler on photos: transparency, grey and colour profiles kept."""

from dataclasses import replace

import numpy as np

from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.data.photo import Photo, colours_under_transparency
from sr_models.data.resize import imresize
from sr_models.upscaler import Upscaler


def upscale_photo(photo: Photo, upscaler: Upscaler) -> Photo:
    """Return photo at scale times its size: colours by the upscaler, transparency bicubically.

    A grey photo is given to the upscaler three times over, and its answer reduced to grey again.
    """
    sr = checked(upscaler(colours_under_transparency(photo)), photo.rgb, upscaler.scale)
    alpha = None if photo.alpha is None else imresize(photo.alpha, upscaler.scale)
    return replace(photo, rgb=sr, alpha=alpha)


def checked(sr: Image, lr: Image, scale: int) -> Image:
    """Return sr, or raise InputError if a model broke its contract: uint8 RGB at scale times lr's size."""
    expected = (scale * lr.shape[0], scale * lr.shape[1], 3)
    if not isinstance(sr, np.ndarray) or sr.dtype != np.uint8 or sr.shape != expected:
        got = f"{sr.dtype} {sr.shape}" if isinstance(sr, np.ndarray) else type(sr).__name__
        raise InputError(f"the model returned {got}, expected uint8 {expected}")
    return sr

"""Pictures as every part of srmos exchanges them: uint8 RGB, read and written exactly."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from sr_models.data.errors import InputError
from sr_models.data.png import decoded, encoded

# H height, W width.

Image = npt.NDArray[np.uint8]
"""uint8 (H, W, 3) RGB. The only picture type that crosses a package border."""

FORMATS = ("PNG", "TIFF", "JPEG", "BMP", "WEBP")
SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".webp")
PARTIAL = ".partial"
"""The ending of a file that is being written; what a kill leaves behind can be deleted."""
_GREY_MODES = ("1", "L", "LA")
_ALPHA_MODES = ("LA", "RGBA")


def read_image(path: str | os.PathLike[str]) -> Image:
    """Return the picture in a PNG, TIFF, JPEG, BMP or WebP file as uint8 (H, W, 3) RGB.

    Grey is replicated, palettes are expanded, an orientation tag is applied, colour profiles are
    ignored. Fully opaque alpha is dropped. Raises InputError, naming the file, for anything else:
    transparency, 16-bit samples, CMYK, animations, truncated or foreign files.

    >>> import tempfile, numpy, sr_models
    >>> path = Path(tempfile.mkdtemp()) / "grey.png"
    >>> sr_models.write_image(path, numpy.full((2, 3), 7, numpy.uint8))
    >>> sr_models.read_image(path).shape
    (2, 3, 3)
    """
    return read_picture(path)[0]


def read_picture(path: str | os.PathLike[str], *, round_16_bit: bool = False) -> tuple[Image, bool]:
    """Return what `read_image` does, and whether the file stores a single channel.

    round_16_bit: RGB and grey PNG files of 16 bits a sample are read, too, rounded to 8.
    """
    pixels = _plain_png(Path(path), round_16_bit)
    if pixels is not None and pixels.ndim == 2:
        return pixels[..., None].repeat(3, axis=2), True
    if pixels is not None:
        return pixels, False
    with open_picture(path) as opened:
        is_grey = opened.mode in _GREY_MODES
        picture = _expand_palette(opened)
        if picture.mode in _ALPHA_MODES:
            picture = _drop_opaque_alpha(picture, path)
        if picture.mode not in ("1", "L", "RGB"):
            raise InputError(f"{path}: expected 8-bit RGB or grey, got {picture.mode}: convert it first")
        if picture.getexif().get(Base.Orientation, 1) != 1:
            picture = ImageOps.exif_transpose(picture)
        return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB")), is_grey


def _plain_png(path: Path, round_16_bit: bool) -> npt.NDArray[np.uint8] | None:
    """The pixels of a file that our own decoder reads; None for any other, and where there is none."""
    if path.suffix.lower() != ".png" or not path.is_file():
        return None
    return decoded(path.read_bytes(), round_16_bit=round_16_bit)


def is_grey_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the file stores a single channel (its header says so; pixels are not compared)."""
    with open_picture(path) as opened:
        return opened.mode in _GREY_MODES


def write_image(path: str | os.PathLike[str], image: Image, *, grey: bool = False) -> None:
    """Write image as a PNG without metadata, whole or not at all; grey saves one channel by `to_grey`."""
    write_bytes(path, encode_image(image, grey=grey))


def encode_image(image: Image, *, grey: bool = False) -> bytes:
    """Return image as a PNG file without metadata; grey makes one channel by `to_grey`."""
    return encoded(to_grey(image) if grey else image)


def write_bytes(
    path: str | os.PathLike[str], data: bytes, *, durable: bool = True, mode: int = 0o644
) -> None:
    """Write a file in one go, as `new_file` does."""
    with new_file(path, durable=durable, mode=mode) as file:
        file.write(data)


@contextmanager
def new_file(path: str | os.PathLike[str], *, durable: bool = True, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Yield a file to write that, whatever kills the process, is the old one or the new one, never a part.

    durable: also when the power fails, at the price of waiting for the disk.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(partial, mode)  # mkstemp's 0600 would hide results from colleagues
        os.replace(partial, target)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def to_grey(image: Image) -> npt.NDArray[np.uint8]:
    """Return round(0.299 R + 0.587 G + 0.114 B), shape (H, W): how RGB output becomes one channel."""
    weighted = image.astype(np.int32) @ np.array([299, 587, 114], np.int32)
    return ((weighted + 500) // 1000).astype(np.uint8)


def crop_border(image: Image, crop_px: int) -> Image:
    """Return image without crop_px pixels on each side."""
    height, width = image.shape[:2]
    if min(height, width) <= 2 * crop_px:
        raise InputError(f"a crop of {crop_px} px on each side leaves nothing of a {width}x{height} picture")
    return image[crop_px : height - crop_px, crop_px : width - crop_px]


def crop_to_multiple(image: Image, factor: int) -> Image:
    """Return the largest top-left part of image whose height and width are multiples of factor."""
    height, width = image.shape[:2]
    if min(height, width) < factor:
        raise InputError(
            f"a {width}x{height} picture is smaller than the {factor} px it must be a multiple of"
        )
    return image[: height - height % factor, : width - width % factor]


def check_pair(sr: Image, hr: Image) -> None:
    """Raise InputError unless sr and hr have the same size."""
    if sr.shape != hr.shape:
        raise InputError(
            f"sr is {sr.shape[1]}x{sr.shape[0]} but hr is {hr.shape[1]}x{hr.shape[0]}: "
            "compare pictures of one size (hr is cropped to a multiple of the scale)"
        )


@contextmanager
def open_picture(path: str | os.PathLike[str]) -> Iterator[PillowImage.Image]:
    """Open and decode a file of one 8-bit picture; whatever is wrong with it, the InputError names it."""
    try:
        with _bombs_refused(), PillowImage.open(path, formats=FORMATS) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                raise InputError(f"{path}: expected one picture, got an animation")
            if _is_16_bit(picture):
                raise InputError(
                    f"{path}: expected 8 bits a sample, got 16: convert it first, "
                    "or have a plain PNG rounded (bench run --round-16-bit)"
                )
            picture.load()
            yield picture
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a PNG, TIFF, JPEG, BMP or WebP picture") from None
    except (PillowImage.DecompressionBombWarning, PillowImage.DecompressionBombError) as error:
        raise InputError(f"{path}: too large to be a test picture ({error})") from None
    except (OSError, SyntaxError, EOFError) as error:  # Pillow raises all three for broken files
        raise InputError(f"{path}: cannot be read, it may be cut short ({error})") from error


@contextmanager
def _bombs_refused() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
        yield


def _is_16_bit(picture: PillowImage.Image) -> bool:
    """Pillow silently halves the depth of 16-bit RGB PNGs; their raw mode still tells."""
    raw_modes = [tile[3] for tile in getattr(picture, "tile", [])]
    return picture.mode.startswith("I") or any("16" in str(mode) for mode in raw_modes)


def _expand_palette(picture: PillowImage.Image) -> PillowImage.Image:
    if picture.mode != "P":
        return picture.convert("RGBA") if "transparency" in picture.info else picture
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB")


def _drop_opaque_alpha(picture: PillowImage.Image, path: str | os.PathLike[str]) -> PillowImage.Image:
    if np.asarray(picture.getchannel("A")).min() < 255:
        raise InputError(f"{path}: has transparent pixels: flatten it onto a background first")
    return picture.convert(picture.mode[:-1])

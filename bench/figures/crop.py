"""Which part of a picture is shown enlarged: named by the user, or where the methods disagree most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError
from sr_models.data.image import Image

SMALLEST_PX = 4


@dataclass(frozen=True)
class Crop:
    """A rectangle of HR pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: Image) -> Image:
        """Return the rectangle's pixels."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def read_crop(text: str, hr: Image, srs: Sequence[Image], *, margin: int) -> Crop:
    """Return the crop that text names: x,y,w,h; or w,h, or nothing, to have the place chosen too.

    A chosen one stays `margin` pixels away from the border where the picture is large enough.
    """
    try:
        numbers = [int(part) for part in text.split(",")] if text else list(_usual_size(hr))
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 4):
        raise InputError(f"crop: expected x,y,w,h in pixels, or w,h to have the place chosen, got {text!r}")
    width, height = numbers[-2:]
    if min(width, height) < SMALLEST_PX or width > hr.shape[1] or height > hr.shape[0]:
        raise InputError(
            f"crop {text}: expected from {SMALLEST_PX}x{SMALLEST_PX} to {hr.shape[1]}x{hr.shape[0]} pixels"
        )
    if len(numbers) == 2:
        return crop_where_they_differ(hr, srs, width=width, height=height, margin=margin)
    crop = Crop(*numbers)
    furthest = hr.shape[1] - width, hr.shape[0] - height
    if not (0 <= crop.x <= furthest[0] and 0 <= crop.y <= furthest[1]):
        raise InputError(
            f"crop {text} reaches outside the picture, which is {hr.shape[1]}x{hr.shape[0]}: "
            f"with {width}x{height}, x is 0 to {furthest[0]} and y is 0 to {furthest[1]}"
        )
    return crop


def crop_where_they_differ(hr: Image, srs: Sequence[Image], *, width: int, height: int, margin: int) -> Crop:
    """Return the window in which the methods' errors differ most from one another.

    The error of a method in a window is its RMSE there, over all channels; the window with the largest
    standard deviation of these wins, the topmost and leftmost of equals. With one method: its largest error.
    """
    errors = np.stack([_window_rmse(sr, hr, width, height) for sr in srs])  # (methods, y, x)
    spread = errors.std(0) if len(srs) > 1 else errors[0]
    x_margin, y_margin = (min(margin, (size - 1) // 2) for size in reversed(spread.shape))
    inside = spread[y_margin : spread.shape[0] - y_margin, x_margin : spread.shape[1] - x_margin]
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    return Crop(int(x) + x_margin, int(y) + y_margin, width, height)


def _window_rmse(sr: Image, hr: Image, width: int, height: int) -> npt.NDArray[np.float64]:
    """(H - height + 1, W - width + 1): by running sums in whole numbers, exact at any window size."""
    squares = ((sr.astype(np.int64) - hr) ** 2).sum(2)
    sums = np.pad(squares.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[height:] - sums[:-height]
    return np.asarray(np.sqrt((rows[:, width:] - rows[:, :-width]) / (3 * width * height)))


def _usual_size(hr: Image) -> tuple[int, int]:
    """A square of a fifth of the shorter side, in steps of 8 px from 32 to 96, as papers show."""
    shorter = min(hr.shape[:2])
    side = min(max(32, round(shorter / 40) * 8), 96, shorter)
    return side, side

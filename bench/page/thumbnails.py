"""Small pictures inside the page, so that a list of hundreds opens no file."""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageOps
from tqdm import tqdm

SIZE = (128, 96)  # pixels; shown at half of that, sharp on a screen of two device pixels a pixel
_QUALITY = 60


@dataclass(frozen=True)
class Thumbnail:
    """A small picture and the size of the one it stands for."""

    uri: str
    size: tuple[int, int] | None
    """Width, height in pixels."""


NO_PICTURE = Thumbnail("", None)


def thumbnails(paths: Sequence[Path | None]) -> list[Thumbnail]:
    """Return a WebP data URI for each picture, cut to 4:3; NO_PICTURE for no file, or a broken one."""
    with ThreadPoolExecutor() as pool:
        made = pool.map(_thumbnail, paths)
        return list(
            tqdm(made, total=len(paths), desc="thumbnails", unit="picture", disable=None, leave=False)
        )


def _thumbnail(path: Path | None) -> Thumbnail:
    if path is None:
        return NO_PICTURE
    try:
        with PillowImage.open(path, formats=("PNG",)) as picture:
            size = picture.size
            small = ImageOps.fit(picture.convert("RGB"), SIZE, PillowImage.Resampling.BOX)
    except (OSError, SyntaxError, PillowImage.DecompressionBombError):
        return NO_PICTURE  # the viewer will name the file when it is asked for
    data = io.BytesIO()
    small.save(data, "WEBP", quality=_QUALITY)
    return Thumbnail(f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}", size)

"""Super-resolution models from Python: `sr_models.load("srresnet-mse")` is a function on pictures.

`load`, `upscale`, `read_image`, `write_image`. Importing this package imports nothing else: numpy and torch
come with the first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr_models.api import PictureUpscaler, load, read_image, upscale, write_image

__all__ = ["PictureUpscaler", "load", "read_image", "upscale", "write_image"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sr_models import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

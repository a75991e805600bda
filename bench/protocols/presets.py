"""How a pair of pictures becomes numbers that can be compared: the conventions papers differ in, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import Image, check_pair, crop_border, to_grey
from sr_models.data.luma import luma, luma_uint8

if TYPE_CHECKING:
    from bench.protocols.wang_ssim import Reference

# C channels, H height, W width.

Planes = npt.NDArray[np.float64] | npt.NDArray[np.uint8]
"""(C, H, W), 0-255: what a full-reference metric compares."""

Colour = Literal["Y601r", "Y601", "Y709d", "RGB"]
"""BT.601 luma rounded to uint8; not rounded; daala's BT.709 luma with dither; all three channels."""


@dataclass(frozen=True)
class Protocol:
    """Which pixels and which channels are compared, and how."""

    name: str
    colour: Colour
    grey: Literal["asis", "rgb"]
    """A single-channel HR is scored as stored, or replicated to RGB first."""
    ssim: Literal["wang", "wang+", "daala"]
    """`wang+`: Wang's with the contrast-structure term clamped at 0."""
    source: str
    crop_px: int | None = None
    """Removed on each side; None: the scale."""
    luma_only: bool = False
    """LR is made from HR's luma and only luma is upscaled: for models that can (LumaUpscaler)."""
    ssim_colour: Colour | None = None
    """Where SSIM looks at other planes than PSNR; None: the same."""

    def crop(self, scale: int) -> int:
        """Return how many pixels go on each side."""
        return scale if self.crop_px is None else self.crop_px

    def view(self, image: Image, *, scale: int, is_grey: bool) -> "View":
        """Return the picture as this protocol sees it; is_grey is a fact of the HR picture."""
        cropped = crop_border(image, self.crop(scale))
        planes = to_grey(cropped)[None] if is_grey and self.grey == "asis" else _COLOURS[self.colour](cropped)
        of_ssim = None if self.ssim_colour is None else _COLOURS[self.ssim_colour](cropped)
        return View(cropped, planes, self, of_ssim)

    def signature(self, metric: str, scale: int, metric_version: str = "1") -> str:
        """Return what a reader needs to compute the same number elsewhere, in the manner of sacreBLEU."""
        kind = f"{metric}:{self.ssim}" if metric == "ssim" else metric
        colour = self.ssim_colour if metric == "ssim" and self.ssim_colour else self.colour
        lr = "|lr:Y" if self.luma_only else ""
        mean = "mean-dB" if metric == "psnr" else "mean"
        return (
            f"{kind}|{colour}|crop{self.crop(scale)}|u8|grey:{self.grey}{lr}|{mean}"
            f"|v{metric_version}|srmos:{_srmos()}"
        )


@cache
def _srmos() -> str:
    return version("srmos")


@dataclass(frozen=True)
class View:
    """A picture as a protocol sees it. HR's is made once and compared with every model's."""

    image: Image
    """Cropped RGB, for metrics that look at pictures rather than planes."""
    planes: Planes
    protocol: Protocol
    ssim_planes: Planes | None = None
    """What SSIM compares where that is not `planes`."""

    @property
    def seen_by_ssim(self) -> Planes:
        """What SSIM compares."""
        return self.planes if self.ssim_planes is None else self.ssim_planes

    @cached_property
    def ssim_references(self) -> "tuple[Reference, ...]":
        """Each plane that SSIM compares as HR's half of Wang's SSIM."""
        from bench.protocols.wang_ssim import reference  # and the compiler

        return tuple(reference(plane) for plane in self.seen_by_ssim)


def luma_view(plane: npt.NDArray[np.uint8], protocol: Protocol, scale: int) -> View:
    """Return the view of a luma plane (H, W), for protocols that never leave luma."""
    grey = crop_border(np.repeat(plane[:, :, None], 3, axis=2), protocol.crop(scale))
    return View(grey, grey[None, :, :, 0], protocol)


def check_views(sr: View, hr: View) -> None:
    """Raise InputError unless two views can be compared."""
    check_pair(sr.image, hr.image)
    if sr.protocol != hr.protocol:
        raise InputError(f"expected two views of one protocol, got {sr.protocol.name} and {hr.protocol.name}")


def _channels_first(image: Image) -> npt.NDArray[np.uint8]:
    return image.transpose(2, 0, 1)


def _daala_luma(image: Image) -> npt.NDArray[np.uint8]:
    from bench.protocols.daala import daala_luma  # scipy.ndimage

    return daala_luma(image)[None]


_COLOURS: Mapping[Colour, Callable[[Image], Planes]] = MappingProxyType(
    {
        "Y601r": lambda image: luma_uint8(image)[None],
        "Y601": lambda image: luma(image)[None],
        "Y709d": _daala_luma,
        "RGB": _channels_first,
    }
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("matlab", "Y601r", "asis", "wang", "MATLAB: the tables of SRCNN, VDSR, SelfExSR"),
            Protocol("basicsr", "Y601", "rgb", "wang", "Python: BasicSR, RCAN, EDSR, KAIR, mmagic"),
            Protocol("srgan", "Y709d", "rgb", "daala", "daala tools: the SRGAN paper's Table 2", crop_px=4),
            Protocol("srcnn", "Y601r", "asis", "wang", "MATLAB: SRCNN's own test script", luma_only=True),
            Protocol("rgb", "RGB", "rgb", "wang", "one MSE over all channels, SSIM averaged over them"),
            Protocol(
                "realsr",
                "Y601",
                "rgb",
                "wang+",
                "real-world tables of 2024-2026: OSEDiff, StableSR's crops",
                crop_px=0,
                ssim_colour="Y601r",
            ),
        )
    }
)


def protocol(name: str) -> Protocol:
    """Return the preset of that name, or raise UnknownNameError."""
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]

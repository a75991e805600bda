"""VIFp, VIF in the pixel domain: how much of the information in HR is left."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric
from sr_models.data.luma import FULL_SWING_WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


_NOISE = 2.0  # variance of what the eye adds
_EPS = 1e-8


@picture_metric(
    "vif",
    higher_is_better=True,
    digits=4,
    source="Sheikh and Bovik, IEEE TIP 15(2), 2006; VIFp, the pixel-domain variant, not their wavelet VIF",
    options="pixel domain,luma 0.299/0.587/0.114,four scales,noise 2,[0,255]",
    libraries=("piq",),
    min_side=41,
)
def vif(scene: "Scene") -> "Tensor":
    """Return VIFp, 1 for the same picture, more for one with more contrast than HR.

    piq.vif_p in float64, with its Gaussians taken apart into rows and columns, and HR's half done once.
    """
    import torch

    hr = _luma(scene.hr)
    srs = list(scene.parts())
    levels = [_luma(part) for part in srs]
    found = [torch.zeros(len(part), dtype=torch.float64, device=hr.device) for part in srs]
    present = torch.zeros(1, dtype=torch.float64, device=hr.device)
    for scale in range(4):
        side = 2 ** (4 - scale) + 1
        if scale > 0:
            hr = _blurred(hr, side)[:, :, ::2, ::2]
            levels = [_blurred(sr, side)[:, :, ::2, ::2] for sr in levels]
        mean, variance = _moments(hr, side)
        present = present + torch.log10(1 + variance * (variance >= _EPS) / _NOISE).sum()
        for sum_, sr in zip(found, levels, strict=True):
            sum_ += _information(sr, hr, mean, variance, side)
    return torch.cat([(sum_ + _EPS) / (present + _EPS) for sum_ in found])


def _information(sr: "Tensor", hr: "Tensor", mean: "Tensor", variance: "Tensor", side: int) -> "Tensor":
    """Return what a channel with gain and noise, fitted window by window, lets through: (n,)."""
    import torch

    sr_mean, sr_variance = _moments(sr, side)
    covariance = _blurred(sr * hr, side) - sr_mean * mean
    gain = covariance / (variance + _EPS)
    noise = sr_variance - gain * covariance
    flat_hr, flat_sr = variance < _EPS, sr_variance < _EPS
    gain = gain.masked_fill(flat_hr | flat_sr, 0.0)
    noise = torch.where(flat_hr, sr_variance, noise).masked_fill(flat_sr, 0.0)
    noise = torch.where(gain >= 0, noise, sr_variance).clamp(min=_EPS)
    variance = variance.masked_fill(flat_hr, 0.0)
    return torch.log10(1 + gain.clamp(min=0) ** 2 * variance / (noise + _NOISE)).sum(dim=(1, 2, 3))


def _moments(x: "Tensor", side: int) -> "tuple[Tensor, Tensor]":
    mean = _blurred(x, side)
    return mean, (_blurred(x * x, side) - mean * mean).clamp(min=0)


def _blurred(x: "Tensor", side: int) -> "Tensor":
    """Return x under a Gaussian of side x side pixels, valid windows only."""
    import torch
    from torch.nn.functional import conv2d

    at = torch.arange(side, dtype=x.dtype, device=x.device) - (side - 1) / 2
    taps = torch.exp(-(at**2) / (2 * (side / 5) ** 2))
    taps = taps / taps.sum()
    return conv2d(conv2d(x, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))


def _luma(pictures: "Tensor") -> "Tensor":
    if pictures.device.type == "mps":  # which has no double precision
        pictures = pictures.cpu()
    channels = (pictures.double() * 255).unbind(dim=1)
    red, green, blue = (w * channel for w, channel in zip(FULL_SWING_WEIGHTS, channels, strict=True))
    return (red + green + blue)[:, None]

"""FSIM: similarity of phase congruency and gradients (FSIMc, with colour)."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


_SCALES, _ORIENTATIONS = 4, 4


@picture_metric(
    "fsim",
    higher_is_better=True,
    digits=4,
    source="Zhang et al., IEEE TIP 20(8), 2011 (FSIMc)",
    options="YIQ with colour,mean of round(side/256) pixels first,4 scales,4 orientations,[0,255]",
    libraries=("piq",),
    min_side=16,
)
def fsim(scene: "Scene") -> "Tensor":
    """Return FSIMc, 1 for the same picture. The filters and HR's phase congruency serve every model."""
    import torch
    from piq.fsim import _construct_filters
    from piq.functional import similarity_map

    hr = _pooled(scene.hr)
    filters = _construct_filters(
        hr[:, :1], _SCALES, _ORIENTATIONS, min_length=6, mult=2, sigma_f=0.55, delta_theta=1.2
    )
    phase_hr, gradient_hr = _maps(hr, filters)
    values = []
    for part in scene.parts():
        sr = _pooled(part)
        phase, gradient = _maps(sr, filters)
        heaviest = torch.maximum(phase, phase_hr)
        chroma = similarity_map(sr[:, 1:2], hr[:, 1:2], 200) * similarity_map(sr[:, 2:], hr[:, 2:], 200)
        alike = similarity_map(gradient, gradient_hr, 160) * similarity_map(phase, phase_hr, 0.85)
        alike = alike * heaviest * chroma.abs() ** 0.03
        values.append(alike.sum(dim=(1, 2, 3)) / heaviest.sum(dim=(1, 2, 3)))
    return torch.cat(values)


def _pooled(pictures: "Tensor") -> "Tensor":
    """Return YIQ (n, 3, h, w) in 0-255 at about 256 pixels on the shorter side."""
    from piq.functional import rgb2yiq
    from torch.nn.functional import avg_pool2d

    size = max(1, round(min(pictures.shape[2:]) / 256))
    return rgb2yiq(avg_pool2d(pictures * 255, size))  # type: ignore[no-any-return]


def _maps(yiq: "Tensor", filters: "Tensor") -> "tuple[Tensor, Tensor]":
    """Return phase congruency and gradient magnitude of luma, (n, 1, h, w) each."""
    import torch
    from piq.fsim import _phase_congruency
    from piq.functional import gradient_map, scharr_filter

    y = yiq[:, :1]
    kernel = scharr_filter(device=y.device, dtype=y.dtype)
    phase = _phase_congruency(y, filters=filters, scales=_SCALES, orientations=_ORIENTATIONS, k=2.0)
    return phase, gradient_map(y, torch.stack([kernel, kernel.transpose(-1, -2)]))

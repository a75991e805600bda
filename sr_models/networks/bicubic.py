"""Bicubic enlargement as a convolution: the input of SRCNN and DRCN, for pictures of any size."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from sr_models.data.resize import resize_matrix

_TAPS = 5  # four taps a phase; the phases of one pixel together span five


class BicubicEnlargement(nn.Module):
    """`imresize(x, scale)` without rounding: (N, 1, h, w) -> (N, 1, scale*h, scale*w), replicated border."""

    kernels: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("kernels", _phase_kernels(scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x enlarged."""
        reach = _TAPS // 2
        x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
        return F.pixel_shuffle(F.conv2d(x, self.kernels), self.scale)


def _phase_kernels(scale: int) -> Tensor:
    """Return (scale*scale, 1, 5, 5): one kernel for each output pixel that an input pixel becomes."""
    n = 2 * _TAPS  # the middle pixel's rows of the resize matrix do not touch a border
    rows = resize_matrix(n, scale, "replicate").toarray()
    middle = _TAPS
    phases = rows[middle * scale : (middle + 1) * scale, middle - 2 : middle + 3]  # (scale, 5)
    axis = torch.from_numpy(phases)
    return torch.einsum("pi,qj->pqij", axis, axis).reshape(scale**2, 1, _TAPS, _TAPS).float()

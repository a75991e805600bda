"""A convolution to one to three channels that is fast on CPUs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class ThinConv2d(nn.Conv2d):
    """nn.Conv2d with a square odd kernel and stride 1, for one to three outputs.

    Kernels work on 8 or more output channels at once and leave most of them idle here. So on CPUs, in fp32
    and bf16, and on CUDA in bf16 (an SRResNet step on an H100: 11.4 to 9.6 ms), each column of the kernel
    becomes outputs of its own, and a second convolution, of zeros and ones, shifts and adds them: the same
    sums in another order (bf16 rounds the parts, too). Elsewhere, and in exported graphs, nn.Conv2d's.
    """

    columns: Tensor

    def __init__(self, n_in: int, n_out: int, kernel: int, padding: int = 0) -> None:
        super().__init__(n_in, n_out, kernel, padding=padding)
        taps = torch.eye(kernel).reshape(1, kernel, 1, kernel) * torch.eye(n_out).reshape(n_out, 1, n_out, 1)
        self.register_buffer("columns", taps.reshape(n_out, kernel * n_out, 1, kernel), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, n_out, H, W)."""
        if not _is_faster_here(x):
            return super().forward(x)
        n_out, n_in, kernel, _ = self.weight.shape
        upright = self.weight.permute(3, 0, 1, 2).reshape(kernel * n_out, n_in, kernel, 1)
        padding = int(self.padding[0])
        parts = F.conv2d(x, upright, padding=(padding, 0))
        return F.conv2d(parts, self.columns.to(parts.dtype), self.bias, padding=(0, padding))


def _is_faster_here(x: Tensor) -> bool:
    dtypes = {"cpu": (torch.float32, torch.bfloat16), "cuda": (torch.bfloat16,)}
    return x.dtype in dtypes.get(x.device.type, ()) and not torch.compiler.is_exporting()

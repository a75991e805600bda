"""A PReLU with one slope that is fast to train on CPUs."""

from typing import Any, cast

import torch
from torch import Tensor, nn


class SharedPReLU(nn.PReLU):
    """nn.PReLU with one slope for all channels.

    On CPUs PyTorch computes the slope's gradient for every element before it sums them, in a loop that is not
    vectorised: a fifth of an SRResNet step in bf16. Here, on CPUs, it is a product and a sum. Elsewhere
    PyTorch's own is used: it does not read the slope's value, so a step can be captured as a CUDA graph.
    """

    def __init__(self) -> None:
        super().__init__(num_parameters=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x where it is positive, slope * x elsewhere."""
        if x.device.type != "cpu" or not torch.is_grad_enabled() or torch.compiler.is_exporting():
            return super().forward(x)
        return cast(Tensor, _PReLU.apply(x, self.weight))


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.prelu(x, slope.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        to_x = torch.ops.aten.leaky_relu_backward(gradients[0], x, slope.item(), False)
        # Channels first: a sum to float32 in one go would copy everything to float32 before it.
        to_slope = x.clamp(max=0).mul_(gradients[0]).sum(1).sum(dtype=torch.float32)
        return to_x, to_slope.reshape(slope.shape).to(slope.dtype)

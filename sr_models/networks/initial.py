"""Starting weights for convolutions before a pixel shuffle."""

import torch
from torch import nn


@torch.no_grad()
def icnr_(conv: nn.Conv2d, r: int) -> None:
    """Give the r*r outputs that a pixel shuffle joins one common kernel and bias, in place.

    The layer then starts as nearest neighbour of a convolution (Aitken et al., arXiv 1707.02937).
    """
    conv.weight.copy_(conv.weight[:: r**2].repeat_interleave(r**2, 0))
    if conv.bias is not None:
        conv.bias.copy_(conv.bias[:: r**2].repeat_interleave(r**2, 0))

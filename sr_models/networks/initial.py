"""Where an SRResNet starts from."""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from sr_models.networks.srresnet import Srresnet

_RGB = 3
_QUIET = 0.1


@torch.no_grad()
def icnr_(conv: nn.Conv2d, r: int) -> None:
    """Give the r*r outputs that a pixel shuffle joins one common kernel and bias, in place.

    The layer then starts as nearest neighbour of a convolution (Aitken et al., arXiv 1707.02937).
    """
    conv.weight.copy_(conv.weight[:: r**2].repeat_interleave(r**2, 0))
    if conv.bias is not None:
        conv.bias.copy_(conv.bias[:: r**2].repeat_interleave(r**2, 0))


@torch.no_grad()
def pass_through_(network: "Srresnet") -> None:
    """Let channels 0 to 2 carry the picture from head to tail, in place: a start at nearest neighbour.

    Without it the first several hundred steps go into learning that an enlarged picture looks like the
    picture. Other weights keep their usual start, the tail's at a tenth, so as not to drown it.
    """
    _carry(network.head[0], 1)
    for parameter in (
        network.join[-1].parameters() if network.norm == "batch" else network.join[0].parameters()
    ):
        parameter[:_RGB] = 0.0  # the long skip alone reaches these channels at first
    for conv, r in network.upscaling():
        _carry(conv, r**2)
    network.tail.weight *= _QUIET
    _carry(network.tail, 1, gain=2.0, bias=-1.0)  # the tail works on [-1, 1]


def _carry(conv: nn.Module, copies: int, gain: float = 1.0, bias: float = 0.0) -> None:
    """Make the outputs of channels 0 to 2 (copies of each) gain times the same input pixel, plus bias.

    The tail, which has no other outputs, keeps listening to the other channels.
    """
    if not isinstance(conv, nn.Conv2d) or conv.bias is None:
        raise TypeError("a convolution with a bias is wanted")
    middle = conv.kernel_size[0] // 2
    is_tail = conv.out_channels == _RGB
    conv.weight[: _RGB * copies, : _RGB if is_tail else None] = 0.0
    for channel in range(_RGB):
        conv.weight[channel * copies : (channel + 1) * copies, channel, middle, middle] = gain
    conv.bias[: _RGB * copies] = bias

"""DRCN (Kim et al., CVPR 2016): one convolution applied repeatedly, every recursion supervised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError
from sr_models.networks.bicubic import BicubicEnlargement
from sr_models.networks.thin_conv import ThinConv2d

_LAST_GAIN = 0.1
_FIRST_GAIN = 3.0  # as SRCNN's


@dataclass(frozen=True)
class DrcnConfig:
    """256 channels and 16 recursions are the paper's (1,775,121 parameters)."""

    family: ClassVar[str] = "drcn"
    colour: ClassVar[Literal["luma"]] = "luma"
    scale: int = 4
    width: int = 256
    recursions: int = 16

    def __post_init__(self) -> None:
        if self.width < 1 or self.recursions < 1:
            raise InputError(
                f"expected 1 or more recursions of width 1 or more, got {self.recursions} of {self.width}"
            )

    def build(self) -> "Drcn":
        """Return the untrained network."""
        return Drcn(self)


class Drcn(nn.Module):
    """Luma (N, 1, h, w) in [0, 1] -> (N, 1, scale*h, scale*w).

    Every recursion is reconstructed by the same two convolutions; the result is bicubic enlargement plus
    the sum of all reconstructions, each with a learned weight.
    """

    def __init__(self, config: DrcnConfig) -> None:
        super().__init__()
        width, self.recursions = config.width, config.recursions
        self.enlarge = BicubicEnlargement(config.scale)
        first = nn.Conv2d(1, width, 3, padding=1, padding_mode="replicate")  # zeros would be an edge
        self.embed = nn.Sequential(first, nn.ReLU(), _conv(width, width), nn.ReLU())
        self.recur = nn.Sequential(_conv(width, width), nn.ReLU())
        self.reconstruct = nn.Sequential(_conv(width, width), nn.ReLU(), ThinConv2d(width, 1, 3, padding=1))
        self.weights = nn.Parameter(torch.full((config.recursions,), 1 / config.recursions))
        self.reach = 2 + -(-(4 + config.recursions) // config.scale)
        """LR pixels beyond a tile that its result depends on."""
        self.floats_per_pixel = 3 * width * config.scale**2
        _start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged luma. Recursions are added up as they come: memory does not grow with them."""
        enlarged = self.enlarge(x)
        total: Tensor = enlarged * self.weights.sum()
        for weight, residual in zip(self.weights, self._residuals(enlarged), strict=True):
            total = total + weight * residual
        return total

    def predictions(self, x: Tensor) -> Tensor:
        """Return (N, recursions + 1, H, W): what each recursion predicts, then their weighted sum."""
        enlarged = self.enlarge(x)
        each = torch.cat([enlarged + residual for residual in self._residuals(enlarged)], dim=1)
        joined = torch.einsum("ndhw,d->nhw", each, self.weights.to(each.dtype)).unsqueeze(1)
        return torch.cat([each, joined], dim=1)

    def _residuals(self, enlarged: Tensor) -> Iterator[Tensor]:
        hidden = self.embed(enlarged)
        for _ in range(self.recursions):
            hidden = self.recur(hidden)
            yield self.reconstruct(hidden)


def _conv(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1)


@torch.no_grad()
def _start(network: Drcn) -> None:
    """He initialisation, the identity as recursion, and a last layer at a tenth: a start near bicubic.

    The first filters sum to zero, as SRCNN's do and for the same reason.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
    first, recursion, last = network.embed[0], network.recur[0], network.reconstruct[-1]
    if isinstance(first, nn.Conv2d) and isinstance(recursion, nn.Conv2d) and isinstance(last, nn.Conv2d):
        first.weight -= first.weight.mean((1, 2, 3), keepdim=True)
        first.weight *= _FIRST_GAIN
        nn.init.dirac_(recursion.weight)
        last.weight *= _LAST_GAIN

"""SRResNet, the generator of SRGAN (Ledig et al., CVPR 2017, figure 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError
from sr_models.networks.initial import icnr_
from sr_models.networks.shared_prelu import SharedPReLU
from sr_models.networks.thin_conv import ThinConv2d

_STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
_RGB = 3
_TAIL_GAIN = 0.1


@dataclass(frozen=True)
class SrresnetConfig:
    """B = 16 blocks of 64 channels at x4 is the paper's (1,549,462 parameters)."""

    family: ClassVar[str] = "srresnet"
    colour: ClassVar[Literal["rgb"]] = "rgb"
    scale: int = 4
    blocks: int = 16
    width: int = 64
    norm: Literal["batch", "none"] = "batch"
    long_skip: bool = True
    init: Literal["default", "icnr", "passthrough"] = "default"
    """How weights start. `icnr`: upscaling convolutions without a checkerboard pattern. `passthrough`: ICNR,
    and three channels carry the picture through, so that training begins at nearest neighbour."""

    def __post_init__(self) -> None:
        if self.scale not in _STAGES:
            raise InputError(f"expected a scale of {', '.join(map(str, _STAGES))}, got {self.scale}")
        if self.blocks < 0 or self.width < 1:
            raise InputError(
                f"expected 0 or more blocks of width 1 or more, got {self.blocks} of {self.width}"
            )
        if self.norm not in ("batch", "none"):
            raise InputError(f"expected norm to be batch or none, got {self.norm!r}")
        if self.init not in ("default", "icnr", "passthrough"):
            raise InputError(f"expected init to be default, icnr or passthrough, got {self.init!r}")

    def build(self) -> "Srresnet":
        """Return the untrained network."""
        return Srresnet(self)


class Srresnet(nn.Module):
    """RGB (N, 3, h, w) in [0, 1] -> (N, 3, scale*h, scale*w), about [0, 1] and not clipped.

    Inside, the picture is made in [-1, 1] as in the paper; the last line maps it to [0, 1].
    """

    def __init__(self, config: SrresnetConfig) -> None:
        super().__init__()
        width = config.width
        self.long_skip, self.norm = config.long_skip, config.norm
        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), SharedPReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(width, config.norm) for _ in range(config.blocks)))
        self.join = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), _norm(width, config.norm))
        self.upscale = nn.Sequential(*(UpscaleStage(width, r) for r in _STAGES[config.scale]))
        self.tail = ThinConv2d(width, 3, 9, padding=4)
        self.reach = 4 + 2 * config.blocks + 1 + len(_STAGES[config.scale]) + 4
        """LR pixels beyond a tile that its result depends on (a little more than the least)."""
        self.floats_per_pixel = 3 * width * config.scale**2
        """Memory of the largest layer, per LR pixel: a convolution's result, shuffled, and its PReLU."""
        if config.init != "default":
            for conv, r in self.upscaling():
                icnr_(conv, r)
        if config.init == "passthrough":
            pass_through_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged picture."""
        x = self.head(x)
        deep = self.join(self.blocks(x))
        x = self.upscale(x + deep if self.long_skip else deep)
        return 0.5 * (self.tail(x).float() + 1.0)  # type: ignore[no-any-return]

    def upscaling(self) -> Iterator[tuple[nn.Conv2d, int]]:
        """Yield the convolution of each upscaling stage and the factor of its pixel shuffle."""
        for stage in self.upscale:
            if isinstance(stage, UpscaleStage):
                yield stage.conv, stage.r


class ResidualBlock(nn.Module):
    """conv, BN, PReLU, conv, BN, and the input added."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            _norm(width, norm),
            SharedPReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            _norm(width, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus its correction, (N, width, h, w)."""
        return x + self.body(x)  # type: ignore[no-any-return]


class UpscaleStage(nn.Sequential):
    """conv, pixel shuffle by r, PReLU: (N, width, h, w) -> (N, width, r*h, r*w)."""

    def __init__(self, width: int, r: int) -> None:
        conv = nn.Conv2d(width, width * r**2, 3, padding=1)
        super().__init__(conv, nn.PixelShuffle(r), SharedPReLU())
        self.r = r

    @property
    def conv(self) -> nn.Conv2d:
        """The convolution before the shuffle."""
        return self[0]  # type: ignore[return-value]


def _norm(width: int, norm: str) -> nn.Module:
    return nn.BatchNorm2d(width) if norm == "batch" else nn.Identity()


@torch.no_grad()
def pass_through_(network: Srresnet) -> None:
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
    network.tail.weight *= _TAIL_GAIN
    _carry(network.tail, 1, gain=2.0, bias=-1.0)  # the tail works on [-1, 1]


def _carry(conv: nn.Module, copies: int, gain: float = 1.0, bias: float = 0.0) -> None:
    """Make the outputs of channels 0 to 2 (copies of each) gain times the same input pixel, plus bias.

    The tail, which has no other outputs, keeps listening to the other channels.
    """
    if not isinstance(conv, nn.Conv2d) or conv.bias is None:
        raise TypeError("expected a convolution with a bias")
    middle = conv.kernel_size[0] // 2
    is_tail = conv.out_channels == _RGB
    conv.weight[: _RGB * copies, : _RGB if is_tail else None] = 0.0
    for channel in range(_RGB):
        conv.weight[channel * copies : (channel + 1) * copies, channel, middle, middle] = gain
    conv.bias[: _RGB * copies] = bias

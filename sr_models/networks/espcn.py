"""ESPCN (Shi et al., CVPR 2016): every convolution at LR size, then a pixel shuffle."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn


@dataclass(frozen=True)
class EspcnConfig:
    """5-3-3 with 64 and 32 channels and tanh: 24,752 weights at x4."""

    family: ClassVar[str] = "espcn"
    colour: ClassVar[Literal["luma"]] = "luma"
    scale: int = 4
    widths: tuple[int, int] = (64, 32)

    def build(self) -> "Espcn":
        """Return the untrained network."""
        return Espcn(self)


class Espcn(nn.Module):
    """Luma (N, 1, h, w) in [0, 1] -> (N, 1, scale*h, scale*w)."""

    reach = 4  # 2 + 1 + 1: how far a picture's pixel can act on the result, in LR pixels

    def __init__(self, config: EspcnConfig) -> None:
        super().__init__()
        n1, n2 = config.widths
        self.floats_per_pixel = 3 * n1
        self.body = nn.Sequential(
            nn.Conv2d(1, n1, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(n1, n2, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(n2, config.scale**2, 3, padding=1),
            nn.PixelShuffle(config.scale),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged luma."""
        # Around mid-grey tanh is at its most linear, and the zeros beyond the border are grey, not black.
        return 0.5 + self.body(x - 0.5)  # type: ignore[no-any-return]

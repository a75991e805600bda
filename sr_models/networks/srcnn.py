"""SRCNN (Dong et al., ECCV 2014 and TPAMI 2016): three convolutions after bicubic enlargement."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from sr_models.data.errors import InputError
from sr_models.networks.bicubic import BicubicEnlargement


@dataclass(frozen=True)
class SrcnnConfig:
    """9-1-5 is the paper's column in most tables (8,129 weights), 9-5-5 the larger one (57,281)."""

    family: ClassVar[str] = "srcnn"
    colour: ClassVar[Literal["luma"]] = "luma"
    scale: int = 4
    kernels: tuple[int, int, int] = (9, 1, 5)
    widths: tuple[int, int] = (64, 32)

    def __post_init__(self) -> None:
        if len(self.kernels) != 3 or any(k % 2 == 0 for k in self.kernels):
            raise InputError(f"three odd kernel sizes are wanted for SRCNN, {self.kernels} came")

    def build(self) -> "Srcnn":
        """Return the untrained network."""
        return Srcnn(self)


class Srcnn(nn.Module):
    """Luma (N, 1, h, w) in [0, 1] -> (N, 1, scale*h, scale*w)."""

    def __init__(self, config: SrcnnConfig) -> None:
        super().__init__()
        (k1, k2, k3), (n1, n2) = config.kernels, config.widths
        self.enlarge = BicubicEnlargement(config.scale)
        self.body = nn.Sequential(
            nn.Conv2d(1, n1, k1), nn.ReLU(), nn.Conv2d(n1, n2, k2), nn.ReLU(), nn.Conv2d(n2, 1, k3)
        )
        self.margin = (k1 + k2 + k3 - 3) // 2
        self.reach = 2 + -(-self.margin // config.scale)
        """How far a picture's pixel can act on the result, in LR pixels."""
        self.floats_per_pixel = 3 * n1 * config.scale**2

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged luma."""
        x = self.enlarge(x)
        return self.body(F.pad(x, (self.margin,) * 4, mode="replicate"))  # type: ignore[no-any-return]

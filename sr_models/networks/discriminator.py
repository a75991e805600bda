"""The discriminator of SRGAN (Ledig et al., CVPR 2017, figure 4)."""

from itertools import pairwise

from torch import Tensor, nn

_PLAN = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))  # (channels in widths, stride)
_SLOPE = 0.2
_POOLED = 6  # the map of a 96x96 crop, the paper's size, for which pooling changes nothing


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] -> logits (N,): high for original pictures.

    There is no sigmoid: the losses need its logarithm. The last map is pooled to 6x6, its
    size for the paper's 96x96 crops (23,565,505 parameters), so that crops may have any size.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        for (n_in, _), (n_out, stride) in pairwise(_PLAN):
            layers += [
                nn.Conv2d(n_in * width, n_out * width, 3, stride, padding=1),
                nn.BatchNorm2d(n_out * width),
                nn.LeakyReLU(_SLOPE),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(_POOLED),
            nn.Flatten(),
            nn.Linear(_PLAN[-1][0] * width * _POOLED**2, 16 * width),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(16 * width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit a picture."""
        return self.head(self.features(x)).squeeze(1)  # type: ignore[no-any-return]

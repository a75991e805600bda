"""The numbers that Ledig et al. (CVPR 2017, v5) published for x4: PSNR in dB, SSIM, MOS."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Published:
    """What the paper prints for one method on one set."""

    psnr: float
    ssim: float
    mos: float


def _row(*triples: tuple[float, float, float]) -> tuple[Published, ...]:
    return tuple(Published(*triple) for triple in triples)


_TABLE_2 = {  # Set5, Set14, BSD100
    "nearest": _row((26.26, 0.7552, 1.28), (24.64, 0.7100, 1.20), (25.02, 0.6606, 1.11)),
    "bicubic": _row((28.43, 0.8211, 1.97), (25.99, 0.7486, 1.80), (25.94, 0.6935, 1.47)),
    "srcnn": _row((30.07, 0.8627, 2.57), (27.18, 0.7861, 2.26), (26.68, 0.7291, 1.87)),
    "selfexsr": _row((30.33, 0.872, 2.65), (27.45, 0.7972, 2.34), (26.83, 0.7387, 1.89)),
    "drcn": _row((31.52, 0.8938, 3.26), (28.02, 0.8074, 2.84), (27.21, 0.7493, 2.12)),
    "espcn": _row((30.76, 0.8784, 2.89), (27.66, 0.8004, 2.52), (27.02, 0.7442, 2.01)),
    "srresnet-mse": _row((32.05, 0.9019, 3.37), (28.49, 0.8184, 2.98), (27.58, 0.7620, 2.29)),
    "srgan-vgg54": _row((29.40, 0.8472, 3.58), (26.02, 0.7397, 3.72), (25.16, 0.6688, 3.56)),
}
_TABLE_1 = {  # the content losses: Set5, Set14
    "srresnet-vgg22": _row((30.51, 0.8803, 3.46), (27.19, 0.7807, 3.15)),
    "srgan-mse": _row((30.64, 0.8701, 3.77), (26.92, 0.7611, 3.43)),
    "srgan-vgg22": _row((29.84, 0.8468, 3.78), (26.44, 0.7518, 3.57)),
}
SETS = ("Set5", "Set14", "BSD100")
PUBLISHED: Mapping[tuple[str, str], Published] = MappingProxyType(
    {
        (model, dataset): published
        for model, row in {**_TABLE_2, **_TABLE_1}.items()
        for dataset, published in zip(SETS, row, strict=False)
    }
)
"""(model, dataset) -> numbers. The paper's SRCNN is the 9-1-5 network of 2014."""

STANDS_FOR = MappingProxyType(
    {
        "authors-srresnet-mse": "srresnet-mse",
        "authors-srgan-vgg54": "srgan-vgg54",
        "srgan-vgg53": "srgan-vgg54",
        "drcn-lite": "drcn",
    }
)
"""Which of the paper's methods a model of ours is set beside."""

DIGITS = MappingProxyType({("selfexsr", "Set5"): 3})
"""SSIM digits where the paper prints fewer than four."""

REAL_WORLD: Mapping[str, tuple[int, Mapping[str, float]]] = MappingProxyType(
    {
        "RealSR": (
            100,
            {"psnr": 25.1511, "ssim": 0.7341, "lpips": 0.2921, "dists": 0.2128, "niqe": 5.6476},
        ),
        "DRealSR": (
            93,
            {"psnr": 27.9243, "ssim": 0.7835, "lpips": 0.2968, "dists": 0.2165, "niqe": 6.4902},
        ),
    }
)
"""Set -> pictures, and the means in the log that OSEDiff's authors published (NeurIPS 2024), x4. Their log
also has CLIPIQA, MUSIQ and MANIQA, which need networks that are not part of srmos."""

"""Feature distance: how far apart two pictures are to a small network that has seen ImageNet."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "feature_distance",
    higher_is_better=False,
    digits=4,
    source="Zhang et al., CVPR 2018, without learned weights: squared distance of unit-length features",
    options="squeezenet1_0:relu1,fire4,fire8,fire9,unit length,mean of layers,[0,1]",
    libraries=("torchvision",),
    weights=("squeezenet1_0-b66bff10.pth",),
    min_side=32,
)
def feature_distance(scene: "Scene", network: "Path") -> "Tensor":
    """Return 0 for the same picture to at most 2: the mean over layers and positions."""
    import torch

    from bench.perceptual.backbones import squeezenet, unit_length

    features = squeezenet(network, scene.device)
    hr = [unit_length(maps) for maps in features(scene.hr)]
    return torch.cat([
        torch.stack([
            (unit_length(maps) - wanted).square().sum(dim=1).mean(dim=(1, 2))
            for maps, wanted in zip(features(part), hr, strict=True)
        ]).mean(dim=0)
        for part in scene.parts()
    ])  # fmt: skip

"""LPIPS 0.1: distance of deep features, weighted as people judged."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.perceptual.backbones import Backbone
    from bench.perceptual.scene import Scene

_SOURCE = "Zhang et al., CVPR 2018"


@picture_metric(
    "lpips",
    higher_is_better=False,
    digits=4,
    source=f"{_SOURCE}; AlexNet, which super-resolution tables mean by LPIPS",
    options="alexnet:relu1-5,heads v0.1,spatial mean,sum of layers,[0,1] to ImageNet mean and std",
    libraries=("torchvision",),
    weights=("alexnet-owt-7be5be79.pth", "lpips_lin_v0.1_alex.pth"),
    min_side=32,
)
def lpips(scene: "Scene", network: "Path", heads: "Path") -> "Tensor":
    """Return LPIPS, 0 for the same picture."""
    from bench.perceptual.backbones import alexnet

    return _distance(scene, alexnet(network, scene.device), heads)


@picture_metric(
    "lpips_vgg",
    higher_is_better=False,
    digits=4,
    source=f"{_SOURCE}; VGG16, as in piq.LPIPS",
    options="vgg16:relu1_2-5_3,heads v0.1,spatial mean,sum of layers,[0,1] to ImageNet mean and std",
    libraries=("torchvision",),
    weights=("vgg16-397923af.pth", "lpips_lin_v0.1_vgg.pth"),
    min_side=16,
)
def lpips_vgg(scene: "Scene", network: "Path", heads: "Path") -> "Tensor":
    """Return LPIPS, 0 for the same picture."""
    from bench.perceptual.backbones import vgg16

    return _distance(scene, vgg16(network, scene.device), heads)


def _distance(scene: "Scene", features: "Backbone", heads: "Path") -> "Tensor":
    """HR's features are computed once and compared with every model's."""
    import torch

    from bench.perceptual.backbones import load_tensors, unit_length

    weights = [weight.to(scene.device) for weight in load_tensors(heads).values()]  # (1, C, 1, 1) each
    hr = [unit_length(maps) for maps in features(scene.hr)]
    values = []
    for part in scene.parts():
        layers = [_layer(*each) for each in zip(features(part), hr, weights, strict=True)]
        values.append(torch.stack(layers).sum(dim=0))
    return torch.cat(values)


def _layer(maps: "Tensor", hr: "Tensor", weights: "Tensor") -> "Tensor":
    """Return the weighted squared distance of maps (N, C, h, w) to HR's: mean over positions, (N,)."""
    import torch
    from torch.nn.functional import conv2d

    from bench.perceptual.backbones import bands, unit_length

    sums = [
        conv2d(unit_length(part).sub_(wanted).square_(), weights).sum(dim=(1, 2, 3))
        for part, wanted in bands(maps, hr)
    ]
    return torch.stack(sums).sum(dim=0) / maps[0, 0].numel()

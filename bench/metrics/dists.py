"""DISTS: structure and texture similarity of VGG16's features, at full size or at 256 pixels."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch
    from piq import DISTS

    from bench.perceptual.scene import Scene

_EPS = 1e-6


@picture_metric(
    "dists",
    higher_is_better=False,
    digits=4,
    source="Ding et al., TPAMI 2022; full size, which super-resolution tables mean by DISTS",
    options="vgg16:input,relu1_2-5_3,L2 pooling,no resizing,[0,1]",
    libraries=("piq", "torchvision"),
    weights=("vgg16-397923af.pth", "dists_weights.pt"),
    min_side=16,
)
def dists(scene: "Scene", network: "Path", heads: "Path") -> "torch.Tensor":
    """Return DISTS, 0 for the same picture."""
    return _distances(scene, network, heads, lambda pictures: pictures)


@picture_metric(
    "dists_256",
    higher_is_better=False,
    digits=4,
    source="Ding et al., TPAMI 2022; shrunk first, as its authors' script and piq do",
    options="vgg16:input,relu1_2-5_3,L2 pooling,shorter side over 256 to 256 (bilinear),[0,1]",
    libraries=("piq", "torchvision"),
    weights=("vgg16-397923af.pth", "dists_weights.pt"),
    min_side=16,
)
def dists_256(scene: "Scene", network: "Path", heads: "Path") -> "torch.Tensor":
    """Return DISTS, 0 for the same picture."""
    return _distances(scene, network, heads, _at_256)


def _distances(
    scene: "Scene", network: "Path", heads: "Path", sized: "Callable[[torch.Tensor], torch.Tensor]"
) -> "torch.Tensor":
    import torch

    model = _model(network, heads, scene.device)
    weights = torch.cat(model.weights, dim=1).flatten().to(scene.device)  # of means, then of deviations
    hr = [_Reference.of(maps) for maps in model.get_features(sized(scene.hr))]
    values = []
    for part in scene.parts():
        alike = [its.alike(maps) for its, maps in zip(hr, model.get_features(sized(part)), strict=True)]
        means, deviations = (torch.cat(each, dim=1) for each in zip(*alike, strict=True))
        values.append(1 - torch.cat([means, deviations], dim=1) @ weights)
    return torch.cat(values)


@dataclass(frozen=True)
class _Reference:
    """HR's maps of one layer."""

    centred: "torch.Tensor"
    """(1, C, h, w): less their means."""
    means: "torch.Tensor"
    """(1, C)."""
    variances: "torch.Tensor"
    """(1, C)."""

    @classmethod
    def of(cls, maps: "torch.Tensor") -> "_Reference":
        """Return maps (1, C, h, w) as a reference."""
        means = maps.mean(dim=(2, 3))
        centred = maps - means[..., None, None]
        return cls(centred, means, centred.square().mean(dim=(2, 3)))

    def alike(self, maps: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Return how alike HR's and these maps' (N, C, h, w) means, and deviations, are: (N, C), 1 at best.

        Sums are of differences from HR's means: in float32, large means would leave little of a variance.
        """
        import torch

        from bench.perceptual.backbones import bands

        sums = torch.zeros(3, *maps.shape[:2], device=maps.device)
        for part, hr in bands(maps, self.centred):
            part = part - self.means[..., None, None]
            sums[0] += part.sum(dim=(2, 3))
            sums[1] += (part * hr).sum(dim=(2, 3))
            sums[2] += part.square_().sum(dim=(2, 3))
        shift, covariance, square = sums / maps[0, 0].numel()
        return (
            _similarity(self.means * (self.means + shift), self.means**2 + (self.means + shift) ** 2),
            _similarity(covariance, self.variances + square - shift**2),
        )


def _similarity(product: "torch.Tensor", squares: "torch.Tensor") -> "torch.Tensor":
    return (2 * product + _EPS) / (squares + _EPS)


def _at_256(pictures: "torch.Tensor") -> "torch.Tensor":
    """Return pictures at the size that DISTS was fitted at, as its authors' code makes it."""
    from torch.nn.functional import interpolate

    side = min(pictures.shape[2:])
    if side <= 256:
        return pictures
    return interpolate(
        pictures, scale_factor=256 / side, mode="bilinear", align_corners=False, recompute_scale_factor=False
    )


@lru_cache(maxsize=1)
def _model(network: "Path", heads: "Path", device: "torch.device") -> "DISTS":
    """Return piq's class with parameters from files: its own constructor always downloads."""
    from piq import DISTS
    from piq.perceptual import ContentLoss

    from bench.perceptual.backbones import load_tensors, vgg16

    state = load_tensors(heads)
    channels = [3, 64, 128, 256, 512, 512]  # the picture itself, then the five maps
    weights = [part for name in ("alpha", "beta") for part in state[name].split(channels, dim=1)]
    model = DISTS.__new__(DISTS)
    ContentLoss.__init__(
        model,
        feature_extractor=vgg16.__wrapped__(network, device).layers,  # a copy: its pools are replaced
        layers=["3", "8", "15", "22", "29"],
        weights=weights,
        replace_pooling=True,
        reduction="none",
        normalize_features=False,
        allow_layers_weights_mismatch=True,
    )
    return model.to(device)

"""PieAPP: the probability-like error that people would see, patch by patch."""

from functools import lru_cache
from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from piq.pieapp import PieAPPModel

    from bench.perceptual.scene import Scene

_STRIDE = 27  # "sparse" in the authors' code
_GROUP = 256  # patches whose features are compared together: 120832 numbers each
_PART = {"cuda": 256}  # patches that go through the convolutions together; elsewhere 16, to stay in the cache


_LAST = 512 * 2 * 2  # numbers of the last map, which also weight the patch


@picture_metric(
    "pieapp",
    higher_is_better=False,
    digits=3,
    source="Prashnani et al., CVPR 2018",
    options="patches 64x64 at stride 27,[0,255]",
    libraries=("piq",),
    weights=("PieAPPv0.1.pth",),
    min_side=64,
)
def pieapp(scene: "Scene", network: "Path") -> "torch.Tensor":
    """Return PieAPP's error. HR's features of each patch serve every model."""
    import torch
    from piq.functional import crop_patches

    model = _model(network, scene.device)
    hr = crop_patches(scene.hr * 255, size=64, stride=_STRIDE).split(_GROUP)
    srs = [crop_patches(sr[None] * 255, size=64, stride=_STRIDE).split(_GROUP) for sr in scene.sr]
    sums = torch.zeros(len(srs), 2, device=scene.device)
    for index, wanted in enumerate(hr):
        features, last = _features(model, wanted)
        for row, patches in zip(sums, srs, strict=True):
            its, its_last = _features(model, patches[index])
            distances, weights = model.compute_difference(features - its, last - its_last)
            row += torch.stack([(distances * weights).sum(), weights.sum()])
    return sums[:, 0] / sums[:, 1]


def _features(model: "PieAPPModel", patches: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Return what PieAPPModel.forward returns of a group of patches."""
    import torch

    size = _PART.get(patches.device.type, 16)
    parts = torch.cat([_convolved(model, part) for part in torch.split(patches, size)])
    return parts, parts[:, -_LAST:]


def _convolved(model: "PieAPPModel", patches: "torch.Tensor") -> "torch.Tensor":
    """Return all maps, flat, with activations in place and channels last."""
    import torch
    from torch.nn.functional import relu_

    x = patches.contiguous(memory_format=torch.channels_last)
    x = relu_(model.conv3(model.pool(relu_(model.conv2(relu_(model.conv1(x)))))))
    maps = [x]
    for first, second in ((4, 5), (6, 7), (8, 9), (10, 11)):
        x = relu_(getattr(model, f"conv{first}")(x))
        x = relu_(getattr(model, f"conv{second}")(model.pool(x)))
        maps.append(x)
    return torch.cat([each.flatten(1) for each in maps], dim=1)


@lru_cache(maxsize=1)
def _model(network: "Path", device: "torch.device") -> "PieAPPModel":
    import torch
    from piq.pieapp import PieAPPModel

    from bench.perceptual.backbones import load_tensors

    state = load_tensors(network)
    with torch.device("meta"):
        model = PieAPPModel()
    # The published file holds one layer's one weight as a vector.
    state["ref_score_subtract.weight"] = state["ref_score_subtract.weight"].reshape(1, 1)
    model.load_state_dict({name: tensor.contiguous() for name, tensor in state.items()}, assign=True)
    return model.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)

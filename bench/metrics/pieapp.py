"""PieAPP: the probability-like error that people would see, patch by patch."""

from functools import lru_cache
from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from piq.pieapp import PieAPPModel

    from bench.scene import Scene

_STRIDE = 27  # "sparse" in the authors' code
_PATCHES = {"cuda": 256}  # at a time; elsewhere 16, so that maps stay in the cache


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
    size = _PATCHES.get(scene.device.type, 16)
    hr = crop_patches(scene.hr * 255, size=64, stride=_STRIDE).split(size)
    srs = [crop_patches(sr[None] * 255, size=64, stride=_STRIDE).split(size) for sr in scene.sr]
    sums = torch.zeros(len(srs), 2, device=scene.device)
    for index, wanted in enumerate(hr):
        features, last = _features(model, wanted)
        for row, patches in zip(sums, srs, strict=True):
            its, its_last = _features(model, patches[index])
            distances, weights = model.compute_difference(features - its, last - its_last)
            row += torch.stack([(distances * weights).sum(), weights.sum()])
    return sums[:, 0] / sums[:, 1]


def _features(model: "PieAPPModel", patches: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Return what PieAPPModel.forward returns, with activations in place and channels last."""
    import torch
    from torch.nn.functional import relu_

    x = patches.contiguous(memory_format=torch.channels_last)
    x = relu_(model.conv3(model.pool(relu_(model.conv2(relu_(model.conv1(x)))))))
    maps = [x]
    for first, second in ((4, 5), (6, 7), (8, 9), (10, 11)):
        x = relu_(getattr(model, f"conv{first}")(x))
        x = relu_(getattr(model, f"conv{second}")(model.pool(x)))
        maps.append(x)
    flat = [each.flatten(1) for each in maps]
    return torch.cat(flat, dim=1), flat[-1]


@lru_cache(maxsize=1)
def _model(network: "Path", device: "torch.device") -> "PieAPPModel":
    import torch
    from piq.pieapp import PieAPPModel

    from bench.backbones import load_tensors

    state = load_tensors(network)
    weight = state["ref_score_subtract.weight"]
    with torch.device("meta"):
        model = PieAPPModel()
    # The published file holds this layer's one weight as a vector.
    model.load_state_dict({**state, "ref_score_subtract.weight": weight.reshape(1, 1)}, assign=True)
    return model.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)

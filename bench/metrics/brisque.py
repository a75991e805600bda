"""BRISQUE: how far a picture's local statistics are from those of natural pictures."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.perceptual.scene import Scene

_GAMMA, _RHO = 0.05, -153.591  # of the authors' support vector machine, as in piq


@picture_metric(
    "brisque",
    higher_is_better=False,
    digits=2,
    source="Mittal et al., IEEE TIP 21(12), 2012; needs no reference",
    options="no-reference,YIQ luma rounded,7x7 Gaussian 7/6,two scales,[0,255]",
    libraries=("piq",),
    weights=("brisque_svm_weights.pt",),
    min_side=32,
    no_reference=True,
)
def brisque(scene: "Scene", machine: "Path") -> "list[float]":
    """Return BRISQUE, 0 (natural) to about 100; nan for a picture without detail."""
    from bench.perceptual.backbones import load_tensors

    coefficients, vectors = (each.to(scene.device) for each in load_tensors(machine))
    return [_score(sr[None], coefficients, vectors) for sr in scene.sr]


def _score(picture: "Tensor", coefficients: "Tensor", vectors: "Tensor") -> float:
    """piq.brisque without its download at every call."""
    import torch
    from piq.brisque import _natural_scene_statistics, _rbf_kernel, _scale_features
    from piq.functional import imresize, rgb2yiq

    x = torch.round(rgb2yiq(picture * 255)[:, :1])  # MATLAB's rgb2gray of a uint8 picture
    features = []
    for _ in range(2):
        try:
            features.append(_natural_scene_statistics(x, kernel_size=7, sigma=7 / 6))
        except AssertionError:  # no positive, no negative or no deviation at all
            return float("nan")
        x = imresize(x, sizes=(x.shape[2] // 2, x.shape[3] // 2))
    scaled = _scale_features(torch.cat(features, dim=-1))
    kernel = _rbf_kernel(scaled, vectors.t(), gamma=_GAMMA)
    return float((kernel @ coefficients.type(kernel.dtype) - _RHO).item())

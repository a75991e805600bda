"""BRISQUE: how far a picture's local statistics are from those of natural pictures."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric
from sr_models.data.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.perceptual.scene import Scene

_GAMMA, _RHO = 0.05, -153.591  # of the authors' support vector machine, as in piq
_FEATURES = 36


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
    coefficients, vectors = (each.to(scene.device) for each in _machine(machine))
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


def _machine(path: "Path") -> "tuple[Tensor, Tensor]":
    """Return coefficients (S, 1) and support vectors (S, 36): tensors as piq's, or LIVE's `allmodel`."""
    from bench.perceptual.backbones import load_tensors

    if path.suffix:
        coefficients, vectors = load_tensors(path)
        return coefficients, vectors
    return _libsvm(path)


def _libsvm(path: "Path") -> "tuple[Tensor, Tensor]":
    """LIVE's release is a text file of libsvm; its kernel must be the one that is computed here."""
    import torch

    head, _, body = path.read_text(errors="replace").partition("\nSV")
    facts = dict(line.split(maxsplit=1) for line in head.splitlines() if " " in line)
    try:
        if abs(float(facts["gamma"]) - _GAMMA) > 1e-6 or abs(float(facts["rho"]) - _RHO) > 1e-2:
            raise ValueError(f"gamma {facts['gamma']}, rho {facts['rho']}")
        rows = [line.split() for line in body.splitlines() if line.strip()]
        coefficients = torch.tensor([[float(row[0])] for row in rows])
        vectors = torch.zeros(len(rows), _FEATURES)
        for vector, row in zip(vectors, rows, strict=True):
            for cell in row[1:]:
                at, _, value = cell.partition(":")
                vector[int(at) - 1] = float(value)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: expected LIVE's allmodel (libsvm, gamma {_GAMMA}, rho {_RHO}), got: {error}"
        ) from None
    return coefficients, vectors

"""phi of the VGG losses: the frozen networks whose features are compared.

Three sources are known, and a model card names the one used: torchvision's VGG19; VGG19 up to conv3_1
with channel-normalised features (Gatys et al.'s rescaling), enough for VGG22; and the 16 times
smaller encoder that Wang et al. (CVPR 2020) distilled from VGG19, up to relu5_1, whose 1x1 `aux`
convolutions map back to VGG19's channels: a stand-in for VGG54 where the true one cannot be had.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError

Layer = Literal["vgg22", "vgg54", "vgg54d"]
"""`vgg54d`: the distilled stand-in for vgg54; a model trained on it is named accordingly."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's normalisation
_VGG19 = (
    *["conv"] * 2,
    "pool",
    *["conv"] * 2,
    "pool",
    *["conv"] * 4,
    "pool",
    *["conv"] * 4,
    "pool",
    *["conv"] * 4,
)
_SCALE = 0.2
_CONVS_UP_TO = {"vgg22": 4, "vgg54": 16}


@dataclass(frozen=True)
class FeatureSource:
    """Where phi comes from, as the card states it."""

    kind: Literal["torchvision-vgg19", "vgg19-normalised-conv3_1", "vgg19-distilled-16x"]
    layer: Layer
    scale: float
    """Features are multiplied by this before they are compared: the knob between content and adversary."""


class Phi(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] -> scaled features (N, C, h, w). Frozen."""

    def __init__(self, body: nn.Module, source: FeatureSource) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        return self.source.scale * self.body(x)  # type: ignore[no-any-return]


def load_features(layer: Layer, path: Path | None, scale: float | None = None) -> Phi:
    """Return phi from the file at path, or from torchvision's VGG19 (downloaded and verified by it) if None.

    scale None takes 0.2 for the two files, which puts the first gradient ratio of adversary to content at
    0.1 to 0.2 (measured with an SRResNet of 400 steps, batch 4), and 1 for torchvision's, not measured.
    """
    if path is None:
        if layer == "vgg54d":
            raise InputError(
                "vgg54d compares features of the distilled encoder: give its file with --vgg PATH"
            )
        return _torchvision(layer, _download(), scale)
    state = _read(path)
    if "features.0.weight" in state and layer != "vgg54d":
        return _torchvision(layer, state, scale)
    if "conv51_aux.weight" in state and layer == "vgg54d":
        return _distilled(state, scale)
    if "16.weight" in state and "2.weight" in state and layer == "vgg22":
        return _normalised(state, scale)
    raise InputError(
        f"{path}: no known source of {layer} features; wanted torchvision's vgg19, vgg_normalised_conv3_1 "
        f"(vgg22 only) or the distilled encoder (vgg54d only); came: {', '.join(list(state)[:4])}, ..."
    )


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, OSError) as error:
        raise InputError(f"{path}: not a file of weights ({str(error).splitlines()[0]})") from None
    if isinstance(state, Mapping) and "model" in state:
        state = state["model"]
    if not isinstance(state, Mapping):
        raise InputError(f"{path}: a {type(state).__name__}, but weights by name are wanted")
    return state


def _download() -> Mapping[str, Tensor]:
    from torchvision.models import VGG19_Weights

    try:
        state: Mapping[str, Tensor] = VGG19_Weights.IMAGENET1K_V1.get_state_dict(
            progress=True, check_hash=True
        )
    except OSError as error:
        raise InputError(f"VGG19 cannot be downloaded ({error}): give a file with --vgg PATH") from None
    return state


def _torchvision(layer: Layer, state: Mapping[str, Tensor], scale: float | None) -> Phi:
    layers: list[nn.Module] = [_Normalise()]
    convs, index = 0, 0
    for item in _VGG19:
        if item == "pool":
            layers.append(nn.MaxPool2d(2))
            index += 1
            continue
        layers += [_conv(state, f"features.{index}", padding=1), nn.ReLU()]
        convs, index = convs + 1, index + 2
        if convs == _CONVS_UP_TO[layer]:
            break
    return Phi(nn.Sequential(*layers), FeatureSource("torchvision-vgg19", layer, scale or 1.0))


def _normalised(state: Mapping[str, Tensor], scale: float | None) -> Phi:
    layers = [
        _conv(state, "0"),
        *_reflected(state, ("2", "5")),
        nn.MaxPool2d(2),
        *_reflected(state, ("9", "12")),
    ]
    return Phi(nn.Sequential(*layers), FeatureSource("vgg19-normalised-conv3_1", "vgg22", scale or _SCALE))


def _distilled(state: Mapping[str, Tensor], scale: float | None) -> Phi:
    layers: list[nn.Module] = [_conv(state, "conv0")]
    for names in (("11", "12"), ("21", "22"), ("31", "32", "33", "34"), ("41", "42", "43", "44")):
        layers += [*_reflected(state, [f"conv{name}" for name in names]), nn.MaxPool2d(2)]
    layers += [*_reflected(state, ["conv51"]), _conv(state, "conv51_aux")]
    return Phi(nn.Sequential(*layers), FeatureSource("vgg19-distilled-16x", "vgg54d", scale or _SCALE))


def _reflected(state: Mapping[str, Tensor], names: Sequence[str]) -> list[nn.Module]:
    return [m for name in names for m in (nn.ReflectionPad2d(1), _conv(state, name), nn.ReLU())]


def _conv(state: Mapping[str, Tensor], name: str, padding: int = 0) -> nn.Conv2d:
    try:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    except KeyError as missing:
        raise InputError(f"the feature network has no {missing}: its file is not whole") from None
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=padding)
    conv.load_state_dict({"weight": weight, "bias": bias})
    return conv


class _Normalise(nn.Module):
    """[0, 1] -> what torchvision's networks were trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

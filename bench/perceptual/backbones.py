"""torchvision's networks as feature extractors, from parameter files; loaded once in a process."""

import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what torchvision's networks were trained on
_CAFFE_MEAN = (123.0, 117.0, 104.0)  # of R, G, B in 0-255
_IN_CACHE = 1 << 16  # numbers of a map: 256 kB, two or three of which are worked on at once

Network = TypeVar("Network", bound=nn.Module)


class Backbone(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] -> the maps after some of a network's layers."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Sequential, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = layers[: max(taps) + 1].eval().requires_grad_(False)
        self.taps = taps
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, in the order of the layers."""
        x = (x - self.mean) / self.std
        maps = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps


@lru_cache(maxsize=4)
def squeezenet(path: Path, device: torch.device) -> Backbone:
    """Return SqueezeNet 1.0 up to its four resolutions' last maps, from torchvision's file or Caffe's."""
    taps = (1, 5, 10, 12)  # the first ReLU, fire4, fire8, fire9: each the last before a pool
    if path.suffix == ".npz":
        backbone = Backbone(_features("squeezenet1_0", _from_caffe(path)), taps)
        backbone.mean.copy_(torch.tensor(_CAFFE_MEAN).reshape(1, 3, 1, 1) / 255)
        backbone.std.fill_(1 / 255)
    else:
        backbone = Backbone(_features("squeezenet1_0", load_tensors(path)), taps)
    return laid_out(backbone, device)


@lru_cache(maxsize=4)
def vgg16(path: Path, device: torch.device) -> Backbone:
    """Return VGG16 up to relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3."""
    return laid_out(Backbone(_features("vgg16", load_tensors(path)), (3, 8, 15, 22, 29)), device)


@lru_cache(maxsize=4)
def alexnet(path: Path, device: torch.device) -> Backbone:
    """Return AlexNet (torchvision's, after Krizhevsky 2014) up to each of its five ReLUs."""
    return laid_out(Backbone(_features("alexnet", load_tensors(path)), (1, 4, 7, 9, 11)), device)


def laid_out(network: Network, device: torch.device) -> Network:
    """Return the network on the device; on a CPU with weights, and so maps, channels last.

    Convolutions then need no copies into the processor's own layout: VGG16 takes a quarter less time.
    """
    if device.type != "cpu":
        return network.to(device)
    return network.to(memory_format=torch.channels_last)


def load_archive(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a TorchScript archive (as OpenAI publishes CLIP) or of a file of tensors."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: neither a TorchScript archive nor a file of tensors")
    with zipfile.ZipFile(path) as archive:
        has_code = any("/code/" in name for name in archive.namelist())
    if not has_code:
        return dict(load_tensors(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated for new work; files in the field remain
        return dict(torch.jit.load(str(path), map_location="cpu").state_dict())  # type: ignore[no-untyped-call]


def load_tensors(path: Path) -> Any:
    """Return what a file of plain tensors holds, on the CPU."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(
            f"{path}: not a file of plain tensors ({str(error).splitlines()[0][:120]})"
        ) from None


def bands(maps: Tensor, hr: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield maps (N, C, h, w) and HR's (1, C, h, w) in bands of rows that stay in a CPU's cache; whole
    elsewhere.
    """
    pictures, channels, height, width = maps.shape
    rows = height if maps.device.type != "cpu" else max(1, _IN_CACHE // (pictures * channels * width))
    yield from zip(torch.split(maps, rows, dim=2), torch.split(hr, rows, dim=2), strict=True)


def unit_length(maps: Tensor) -> Tensor:
    """Return maps (N, C, h, w), each position's C numbers scaled to length 1."""
    return maps / (maps.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _features(name: str, state: Mapping[str, Tensor]) -> nn.Sequential:
    """Return the convolutional part of a torchvision network without initialising what will be replaced."""
    from torchvision import models

    with torch.device("meta"):
        layers: nn.Sequential = models.get_model(name, weights=None).features
    own = {
        key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")
    }
    try:
        layers.load_state_dict(own, assign=True)
    except RuntimeError as error:
        raise InputError(f"not the parameters of {name}: {' '.join(str(error).split())[:160]}") from None
    return layers


def _from_caffe(path: Path) -> dict[str, Tensor]:
    """Return SqueezeNet 1.0's arrays under torchvision's names; the first layer's BGR becomes RGB."""
    fires = {2: 3, 3: 4, 4: 5, 5: 7, 6: 8, 7: 9, 8: 10, 9: 12}
    parts = {"conv1x1_1": "squeeze", "conv1x1_2": "expand1x1", "conv3x3_2": "expand3x3"}
    names = {"conv1": "features.0"}
    for fire, index in fires.items():
        names |= {f"fire{fire}/{old}": f"features.{index}.{new}" for old, new in parts.items()}
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a numpy archive (.npz)")
    with np.load(path) as arrays:
        try:
            state = {
                f"{new}.{kind}": torch.from_numpy(arrays[f"{old}_{kind[0]}"])
                for old, new in names.items()
                for kind in ("weight", "bias")
            }
        except KeyError as error:
            raise InputError(f"{path}: no array {error}: not SqueezeNet 1.0's parameters") from None
    state["features.0.weight"] = state["features.0.weight"].flip(1)
    return state

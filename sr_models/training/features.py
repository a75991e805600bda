"""phi of the VGG losses: torchvision's VGG16 or VGG19, frozen, up to the layer whose features are compared.

The paper takes VGG19's phi_{2,2} and phi_{5,4} (the j-th convolution after its activation, before the i-th
pool). Of VGG16 the layers are phi_{2,2} and phi_{5,3}; a model card names the network that was used.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError

Layer = Literal["vgg22", "vgg53", "vgg54"]
"""`vgg53` is VGG16's, `vgg54` VGG19's; `vgg22` is of whichever file is given."""
Network = Literal["vgg16", "vgg19"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's normalisation
_PLANS = {"vgg16": "D", "vgg19": "E"}  # torchvision's names of Simonyan and Zisserman's columns
_FIRST_OF_ITS_OWN = {"features.17.weight": "vgg16", "features.16.weight": "vgg19"}
"""Up to the third convolution of the third block both have the same layers."""
_NETWORKS: dict[Layer, tuple[Network, ...]] = {
    "vgg22": ("vgg16", "vgg19"),
    "vgg53": ("vgg16",),
    "vgg54": ("vgg19",),
}
_MODULES: dict[Layer, int] = {"vgg22": 9, "vgg53": 30, "vgg54": 36}
"""How many of torchvision's modules lead to the layer, its activation included."""
_SCALES: dict[Layer, float] = {"vgg22": 0.04, "vgg53": 0.1, "vgg54": 0.1}


@dataclass(frozen=True)
class FeatureSource:
    """Where phi comes from, as the card states it."""

    kind: Network
    layer: Layer
    scale: float
    """Features are multiplied by this before they are compared: the knob between content and adversary."""


class Phi(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] -> scaled features (N, C, h, w) in float32. Frozen.

    `body` is kept, and works, in the dtype it was last moved to.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, source: FeatureSource) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.source = source
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        dtype = next(self.body.parameters()).dtype
        with torch.autocast(x.device.type, enabled=False):
            features: Tensor = self.body(((x.float() - self.mean) / self.std).to(dtype))
        return self.source.scale * features.float()


def load_features(layer: Layer, path: Path | None, scale: float | None = None) -> Phi:
    """Return phi from torchvision's file at path, or downloaded and verified by torchvision if None.

    The file is recognised by its layers. Raises InputError if it is of another network than the layer, or
    not whole up to the layer.
    """
    from torchvision.models.vgg import cfgs, make_layers

    state = _download(_NETWORKS[layer][0]) if path is None else _read(path)
    network = _recognised(state, layer, path)
    body = make_layers(cfgs[_PLANS[network]], batch_norm=False)[: _MODULES[layer]]
    own = {key.removeprefix("features."): value for key, value in state.items()}
    try:
        body.load_state_dict({key: own[key] for key in body.state_dict()})
    except KeyError as missing:
        raise InputError(
            f"{path}: {network} without features.{missing.args[0]}, which {layer} needs"
        ) from None
    except RuntimeError as error:
        raise InputError(f"{path}: not {network}'s shapes ({str(error).splitlines()[-1].strip()})") from None
    return Phi(body, FeatureSource(network, layer, scale or _SCALES[layer]))


def _recognised(state: Mapping[str, Tensor], layer: Layer, path: Path | None) -> Network:
    for key, network in _FIRST_OF_ITS_OWN.items():
        if key in state and network in _NETWORKS[layer]:
            return network
        if key in state:
            raise InputError(f"{path}: {network}, but {layer} is a layer of {_NETWORKS[layer][0]}")
    raise InputError(
        f"{path}: expected torchvision's {' or '.join(_NETWORKS[layer])} (features.0.weight, ...), "
        f"got {', '.join(list(state)[:4])}, ..."
    )


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, OSError) as error:
        reason = (str(error).splitlines() or ["empty"])[0]
        raise InputError(f"{path}: not a file of weights ({reason})") from None
    if not isinstance(state, Mapping):
        raise InputError(f"{path}: a {type(state).__name__}, expected weights by name")
    return state


def _download(network: Network) -> Mapping[str, Tensor]:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    weights = {"vgg16": VGG16_Weights.IMAGENET1K_V1, "vgg19": VGG19_Weights.IMAGENET1K_V1}[network]
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise InputError(f"{network} cannot be downloaded ({error}): give a file with --vgg PATH") from None
    return state

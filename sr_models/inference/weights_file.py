"""Weights files: safetensors with a model card in the metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes
from sr_models.inference.torch_upscaler import LumaTorchUpscaler, TorchUpscaler, upscaler
from sr_models.networks.config import NetworkConfig, from_json, to_json

_KEY = "srmos"


@dataclass(frozen=True)
class Card:
    """A model card: how a network was trained, on which pictures, and what was measured."""

    name: str
    network: NetworkConfig
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """The TrainConfig as plain values, and the steps that were done."""
    pictures: Mapping[str, Any] = field(default_factory=dict)
    """Which pictures, their number, digest and terms, and which test sets they were checked against."""
    licence: str = "Apache-2.0"
    machine: str = ""
    seconds: float = 0.0
    """Training time."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """Held-out PSNR, gradient ratios, and scores by protocol and data set."""
    notes: str = ""
    history: tuple[Mapping[str, Any], ...] = ()
    """Every run that led here, oldest first: start (a file), start_sha256, steps, batch, crop_px, rate,
    optimiser, machine, hours. Empty in cards from before it was recorded."""


def save_weights(path: Path, network: nn.Module, card: Card, *, half: bool = False) -> None:
    """Write the network's weights and card, whole or not at all; half stores fp16."""
    tensors = {k: _stored(v, half) for k, v in network.state_dict().items() if v.is_floating_point()}
    metadata = {**asdict(card), "network": to_json(card.network)}
    write_bytes(path, save(tensors, {_KEY: json.dumps(metadata, sort_keys=True)}))


def load_card(path: Path) -> Card:
    """Return the card of a weights file, or raise InputError."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a complete safetensors file ({error})") from None
    if _KEY not in metadata:
        raise InputError(f"{path}: a safetensors file without the card of srmos")
    values = json.loads(metadata[_KEY])
    if unknown := sorted(values.keys() - {each.name for each in fields(Card)}):
        raise InputError(
            f"{path}: its card has {', '.join(unknown)}, which this version of srmos does not know"
        )
    history = tuple(values.pop("history", ()))
    return Card(**{**values, "network": from_json(values["network"]), "history": history})


def is_ours(path: Path) -> bool:
    """Return whether a safetensors file carries a card."""
    try:
        with safe_open(path, "pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_network(path: Path) -> tuple[nn.Module, Card]:
    """Return the network with its weights (float32, evaluation mode), and its card."""
    card = load_card(path)
    network = card.network.build()
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a dict)
    load_exactly(network, tensors, path)
    return network.eval(), card


def open_weights(path: Path, scale: int | None = None) -> TorchUpscaler | LumaTorchUpscaler:
    """Return the upscaler in a weights file of srmos; raises InputError for another scale than its own."""
    network, card = load_network(path)
    if scale not in (None, card.network.scale):
        raise InputError(f"expected a scale of {scale}, but {card.name} has scale {card.network.scale}")
    return upscaler(network, card.network.scale, card.network.colour)


def load_exactly(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill the network's floating-point state from tensors; other names or shapes are an InputError."""
    expected = {k: v for k, v in network.state_dict().items() if v.is_floating_point()}
    missing, unexpected = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    reshaped = [k for k in expected.keys() & tensors.keys() if expected[k].shape != tensors[k].shape]
    if missing or unexpected or reshaped:
        raise InputError(
            f"{path}: the weights do not fit the network (missing {_some(missing)}; "
            f"unexpected {_some(unexpected)}; different shape {_some(sorted(reshaped))})"
        )
    network.load_state_dict(tensors, strict=False)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"


def _stored(tensor: Tensor, half: bool) -> Tensor:
    return tensor.detach().cpu().contiguous().to(torch.float16 if half else tensor.dtype)

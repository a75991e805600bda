"""Everything a training run must remember to go on bit for bit as if it had never stopped."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes
from sr_models.inference.weights_file import load_exactly
from sr_models.networks.config import to_json
from sr_models.networks.drcn import Drcn
from sr_models.training.muon import Muon
from sr_models.training.recipes import TrainConfig
from sr_models.training.soap import Soap

_KEY = "srmos-run"

_DEFAULTS = {field.name: field.default for field in fields(TrainConfig) if field.default is not MISSING}

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class Progress:
    """The numbers of a run that are not tensors."""

    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    best_psnr_db: float = float("-inf")
    rollbacks: int = 0
    lr_scale: float = 1.0
    """Halved by every rollback."""
    skipped: int = 0
    """Steps whose loss or gradient was not finite."""
    first: dict[str, float] = field(default_factory=dict)
    """Meters of the first logged steps, for the card."""
    last: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    """Runs that led here, the last one this one's own start (record.earlier_runs); empty from scratch."""


@dataclass
class RunState:
    """Networks, optimisers and progress; `discriminator` is None unless the recipe is a GAN."""

    config: TrainConfig
    generator: nn.Module
    ema: nn.Module
    g_optimiser: Optimizer
    lr: Tensor
    """Scalar on the device: the generator's learning rate."""
    d_lr: Tensor
    """The discriminator's."""
    discriminator: nn.Module | None
    d_optimiser: Optimizer | None
    progress: Progress = field(default_factory=Progress)
    made_from: dict[str, Any] = field(default_factory=dict)
    """What the run learns from, by name: plain values that must be the same when it goes on."""


def new_state(config: TrainConfig, device: torch.device) -> RunState:
    """Return a run at step 0; its networks are a function of config.seed."""
    from sr_models.networks.discriminator import Discriminator

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = config.network.build()
        discriminator = Discriminator(config.adversary.width) if config.adversary else None
    ema = config.network.build()
    ema.load_state_dict(generator.state_dict())
    lr, d_lr = torch.zeros((), device=device), torch.zeros((), device=device)
    generator, ema = _placed(generator, device), _placed(ema, device)
    g_optimiser, d_optimiser = _optimiser(config, generator, lr), None
    if discriminator is not None:
        discriminator = _placed(discriminator, device)
        d_optimiser = _adam(discriminator, d_lr)
    ema.eval().requires_grad_(False)
    return RunState(config, generator, ema, g_optimiser, lr, d_lr, discriminator, d_optimiser)


def start_from(state: RunState, weights: nn.Module) -> None:
    """Let generator and average begin as weights, a network of the same architecture.

    From a DRCN of fewer recursions, which trains faster, all is taken but their weights.
    """
    values, own = weights.state_dict(), state.generator.state_dict()
    if isinstance(weights, Drcn) and values["weights"].shape != own["weights"].shape:
        values["weights"] = own["weights"]
    state.generator.load_state_dict(values)
    state.ema.load_state_dict(values)


def save_state(state: RunState, path: Path) -> None:
    """Write the run, whole or not at all; a full disk is an InputError and leaves the old file as it was."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(state)}
    about = {
        "config": config_json(state.config),
        "made_from": state.made_from,
        "progress": asdict(state.progress),
    }
    try:
        write_bytes(path, save(tensors, {_KEY: json.dumps(about)}))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be saved ({error.strerror}); what was there before is intact: "
            "make room and go on with --resume"
        ) from error


def load_state(state: RunState, path: Path) -> None:
    """Fill state from the file at path, written by a run of the same recipe on the same pictures and
    features, or raise InputError.
    """
    about, tensors = _read(path)
    _check_same_run(about, state, path)
    for prefix, network in _networks(state):
        network.load_state_dict(network.state_dict() | _integers(tensors, prefix))
        floats = {k: v for k, v in _under(tensors, prefix).items() if v.is_floating_point()}
        load_exactly(network, floats, path)
    for prefix, optimiser in _optimisers(state):
        _load_optimiser(optimiser, _under(tensors, prefix))
    vars(state.progress).update(about["progress"])


def saved_length(config: TrainConfig, path: Path) -> TrainConfig:
    """Return config with the steps and minutes of the checkpoint at path, or raise InputError."""
    with _opened(path) as file:
        about = _about(file)
    if "config" not in about:
        raise InputError(f"{path}: not a checkpoint of a run")
    return replace(config, steps=about["config"]["steps"], minutes=about["config"]["minutes"])


def config_json(config: TrainConfig) -> dict[str, Any]:
    """Return config as plain values."""
    return json.loads(json.dumps({**asdict(config), "network": to_json(config.network)}))  # type: ignore[no-any-return]


def _about(file: Any) -> dict[str, Any]:
    return json.loads((file.metadata() or {}).get(_KEY, "{}"))  # type: ignore[no-any-return]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with _opened(path) as file:
        return _about(file), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: there is nothing to resume") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole checkpoint ({error})") from None


def _placed(network: Network, device: torch.device) -> Network:
    return network.to(device).to(memory_format=torch.channels_last)


def _optimiser(config: TrainConfig, network: nn.Module, lr: Tensor) -> Optimizer:
    if config.optimiser == "soap":
        return Soap(network.parameters(), lr)
    if config.optimiser == "muon":
        return Muon(network.parameters(), lr)
    return _adam(network, lr)


def _adam(network: nn.Module, lr: Tensor) -> Optimizer:
    # beta2 and eps are Adam's defaults, which the paper does not change.
    return Adam(network.parameters(), lr=lr, betas=(0.9, 0.999), fused=True, capturable=lr.is_cuda)


def _check_same_run(about: dict[str, Any], state: RunState, path: Path) -> None:
    if "config" not in about:
        raise InputError(f"{path}: not a checkpoint of a run")
    # A setting younger than the checkpoint had, in that run, its default.
    saved = {**_DEFAULTS, **about["config"]}
    now = config_json(state.config)
    for key, value in state.made_from.items():
        saved[key], now[key] = about.get("made_from", {}).get(key, value), value
    free = {"steps", "minutes"}  # a run may be prolonged
    changed = sorted(k for k in now.keys() | saved.keys() if k not in free and saved.get(k) != now.get(k))
    if changed:
        raise InputError(
            f"{path}: from a run with other settings "
            f"({', '.join(f'{k} {saved.get(k)} not {now.get(k)}' for k in changed)}): "
            "resume it with what it began with, or begin another run in another folder, with --start"
        )


def _tensors(state: RunState) -> Iterator[tuple[str, Tensor]]:
    for prefix, network in _networks(state):
        for name, tensor in network.state_dict().items():
            yield f"{prefix}.{name}", tensor
    for prefix, optimiser in _optimisers(state):
        for index, moments in optimiser.state_dict()["state"].items():
            for name, tensor in moments.items():
                yield f"{prefix}.{index}.{name}", tensor


def _networks(state: RunState) -> Iterator[tuple[str, nn.Module]]:
    yield "generator", state.generator
    yield "ema", state.ema
    if state.discriminator is not None:
        yield "discriminator", state.discriminator


def _optimisers(state: RunState) -> Iterator[tuple[str, Optimizer]]:
    yield "g_optimiser", state.g_optimiser
    if state.d_optimiser is not None:
        yield "d_optimiser", state.d_optimiser


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(f"{prefix}."): v for k, v in tensors.items() if k.startswith(f"{prefix}.")}


def _integers(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k: v for k, v in _under(tensors, prefix).items() if not v.is_floating_point()}


def _load_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters, lr = optimiser.param_groups[0]["params"], optimiser.param_groups[0]["lr"]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = _laid_out_like(parameters[int(number)], tensor)
    if optimiser.state:  # in place: a captured step goes on reading from these addresses
        for index, values in moments.items():
            for name, tensor in values.items():
                optimiser.state[parameters[index]][name].copy_(tensor)
        return
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    for group in optimiser.param_groups:
        group["lr"] = lr  # load_state_dict copies it; the optimiser must see the scalar that steps set


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Return tensor in parameter's memory layout: the fused kernel goes through both byte by byte.

    Of another shape, a copy: matrix products add in an order that depends on where in memory a row begins.
    """
    return tensor.clone() if tensor.shape != parameter.shape else torch.empty_like(parameter).copy_(tensor)

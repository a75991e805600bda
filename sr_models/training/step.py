"""One step of training: from a batch of HR crops to updated weights, without waiting for the device."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sr_models.data.luma import LUMA_WEIGHTS
from sr_models.networks.drcn import Drcn
from sr_models.training import losses
from sr_models.training.crops import Shrink
from sr_models.training.features import Phi
from sr_models.training.recipes import Part
from sr_models.training.state import RunState
from sr_models.training.world import World

# B batch, C crop side (HR), c = C / scale.

METERS = (
    "loss", "content", "adversarial", "total_variation", "phase", "artefacts", "loss_d", "d_hr", "d_sr",
    "gradient_g", "gradient_d", "gradient_ratio", "skipped",
)  # fmt: skip
"""What every step adds up, in this order. gradient_ratio: adversarial to content, norms at G's output."""


_NORM_MOMENTUM = 0.1  # PyTorch's default


@dataclass
class Stepper:
    """What steps need besides the state. `meters` sums METERS; `streak` counts non-finite steps in a row."""

    state: RunState
    shrink: Shrink
    phi: Phi | None
    bf16: bool
    world: World
    meters: Tensor
    streak: Tensor
    ema_weight: Tensor
    """Scalar on the device: how far the average moves towards the weights."""
    alpha: Tensor
    """Scalar on the device: weight of the supervision of every recursion."""
    luma: Tensor
    discriminator_alone: bool = False

    def enter(self, part: Part) -> None:
        """Prepare for steps of a part."""
        self.shrink = Shrink(part.crop_px, self.state.config.network.scale, self.state.lr.device)
        self.discriminator_alone = part.discriminator_alone


def new_stepper(state: RunState, phi: Phi | None, *, bf16: bool, world: World) -> Stepper:
    """Return a stepper on the device of state."""
    device = state.lr.device
    shrink = Shrink(state.config.crop_px, state.config.network.scale, device)
    meters, streak = torch.zeros(len(METERS), device=device), torch.zeros((), device=device)
    luma = torch.tensor(LUMA_WEIGHTS, device=device) / 255.0
    weight, alpha = torch.ones((), device=device), torch.zeros((), device=device)
    return Stepper(state, shrink, phi, bf16, world, meters, streak, weight, alpha, luma)


def step(s: Stepper, hr_uint8: Tensor, target_uint8: Tensor | None = None) -> None:
    """Make one step with HR crops uint8 (B, 3, C, C) and, where there is a teacher, what it made of them.

    Gradients that are not finite change nothing, neither do those of G after D's were not; such a step
    is counted. D, which goes first, keeps its step if only G's gradients are not finite.
    """
    state = s.state
    lr, hr = pair(s, hr_uint8, target_uint8)
    if s.discriminator_alone:
        _discriminator_only(s, lr, hr)
        return
    _train_mode(state)
    kept = _copies(state.generator)
    with _autocast(s):
        sr = _reconstruct(state, lr)
    meters, possible = torch.zeros_like(s.meters), torch.ones_like(s.streak)
    if state.discriminator is not None:
        possible = _discriminator_step(s, meters, sr.detach().float(), hr)
    gradient = _gradient_at_output(s, meters, sr.detach().float(), hr, _of_average(s, lr))
    state.g_optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(sr, gradient.to(sr.dtype))
    finite = _update(s, state.generator, state.g_optimiser, meters, "gradient_g", possible)
    _restore_(state.generator, kept, finite)
    _average(s, finite)
    _count(s, meters, finite)


def _discriminator_only(s: Stepper, lr: Tensor, hr: Tensor) -> None:
    with torch.no_grad(), _autocast(s):
        sr = s.state.generator.eval()(lr).float()
    meters = torch.zeros_like(s.meters)
    _count(s, meters, _discriminator_step(s, meters, sr, hr))


def pair(s: Stepper, hr_uint8: Tensor, target_uint8: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return (lr, hr) in [0, 1], channels last: RGB, or (B, 1, ., .) luma if the network works on luma.

    With a target, hr is moved towards it by the config's share. In the mean squared error this is the same,
    up to a constant, as the two errors weighted by 1 - share and share.
    """
    lr, hr = s.shrink(hr_uint8) / 255.0, hr_uint8.float() / 255.0
    if target_uint8 is not None:
        hr = torch.lerp(hr, target_uint8.float() / 255.0, s.state.config.target_share)
    if s.state.config.network.colour == "luma":
        lr, hr = (_luma(x, s.luma) for x in (lr, hr))
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in (lr, hr))  # type: ignore[return-value]


def _train_mode(state: RunState) -> None:
    state.generator.train()
    if state.config.frozen_norm:
        for module in state.generator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _reconstruct(state: RunState, lr: Tensor) -> Tensor:
    """Return G(lr); of a network whose recursions are supervised, all predictions as channels."""
    if state.config.recursions is None:
        return state.generator(lr)  # type: ignore[no-any-return]
    if not isinstance(state.generator, Drcn):
        raise TypeError(f"recursions are supervised in a DRCN, not in a {type(state.generator).__name__}")
    return state.generator.predictions(lr)


def _luma(x: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("bchw,c->bhw", x, weights).unsqueeze(1) + 16.0 / 255.0


def _discriminator_step(s: Stepper, meters: Tensor, sr: Tensor, hr: Tensor) -> Tensor:
    """Return whether D's gradients were finite (a 0/1 tensor)."""
    discriminator, optimiser = s.state.discriminator, s.state.d_optimiser
    if discriminator is None or optimiser is None:
        raise TypeError("a GAN step needs a discriminator")
    discriminator.requires_grad_(True).train()
    kept = _copies(discriminator)
    for norm in discriminator.modules():
        if isinstance(norm, nn.BatchNorm2d):  # a plain mean of the first ten batches: never near (0, 1)
            norm.momentum = max(_NORM_MOMENTUM, 1.0 / (s.state.progress.step + 1))
    with _autocast(s):
        # In one batch: batch norms of their own would take away what all reconstructions have in common.
        logits_hr, logits_sr = discriminator(2 * torch.cat([hr, sr]) - 1).float().chunk(2)
    loss = losses.discriminator(logits_hr, logits_sr)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    _note(meters, loss_d=loss, d_hr=logits_hr.sigmoid().mean(), d_sr=logits_sr.sigmoid().mean())
    finite = _update(s, discriminator, optimiser, meters, "gradient_d", torch.ones_like(s.streak))
    _restore_(discriminator, kept, finite)
    return finite


@torch.no_grad()
def _of_average(s: Stepper, lr: Tensor) -> Tensor | None:
    """Return what the averaged generator makes of lr, if a loss asks for it."""
    if not s.state.config.artefacts:
        return None
    with _autocast(s):
        return s.state.ema.eval()(lr).float()  # type: ignore[no-any-return]


def _gradient_at_output(
    s: Stepper, meters: Tensor, sr: Tensor, hr: Tensor, average: Tensor | None = None
) -> Tensor:
    """Return the gradient of the generator's loss with respect to its output (B, ., C, C).

    Taken there, and each term for itself, the ratio of adversary to content costs nothing.
    """
    config = s.state.config
    sr.requires_grad_(True)
    content = _content(s, sr, hr)
    (gradient,) = torch.autograd.grad(content, sr)
    total = content.detach()
    if config.adversary is not None:
        adversarial = config.adversary.weight * _adversarial(s, sr)
        (push,) = torch.autograd.grad(adversarial, sr)
        _note(meters, adversarial=adversarial, gradient_ratio=push.norm() / gradient.norm())
        gradient, total = gradient + push, total + adversarial.detach()
    others = {}
    if config.total_variation:
        others["total_variation"] = config.total_variation * losses.total_variation(sr)
    if config.phase:
        others["phase"] = config.phase * losses.phase_pattern(sr, hr, config.network.scale)
    if average is not None:
        others["artefacts"] = config.artefacts * losses.artefacts(sr, average, hr)
    for loss in others.values():
        (own,) = torch.autograd.grad(loss, sr)
        gradient, total = gradient + own, total + loss.detach()
    _note(meters, content=content, loss=total, **others)
    return gradient


def _content(s: Stepper, sr: Tensor, hr: Tensor) -> Tensor:
    if s.state.config.recursions is not None:
        return losses.recursive_supervision(sr, hr, s.alpha)
    if s.phi is None:
        return losses.mse(sr, hr)
    with torch.no_grad():
        phi_hr = s.phi(hr)
    return losses.feature_distance(s.phi(sr), phi_hr)


def _adversarial(s: Stepper, sr: Tensor) -> Tensor:
    if s.state.discriminator is None:
        raise TypeError("an adversarial loss needs a discriminator")
    # Averages of originals and reconstructions; and its weights' gradients would be 28 GFLOP thrown away.
    s.state.discriminator.eval().requires_grad_(False)
    with _autocast(s):
        logits = s.state.discriminator(2 * sr - 1).float()
    return losses.adversarial(logits)


def _update(
    s: Stepper, network: nn.Module, optimiser: Optimizer, meters: Tensor, meter: str, possible: Tensor
) -> Tensor:
    """Apply the gradients if `possible` (0/1) and they are finite, on every process alike; return whether."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    s.world.mean_([*gradients, *_float_buffers(network)])
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    finite: Tensor = norm.isfinite().float() * possible
    # Fused Adam and SOAP then leave everything as it was.
    optimiser.found_inf = 1.0 - finite  # type: ignore[attr-defined]
    if finite.device.type != "mps" or bool(finite):  # MPS's fused kernel takes found_inf and ignores it
        optimiser.step()
    _note(meters, **{meter: norm})
    return finite


def _copies(network: nn.Module) -> list[Tensor]:
    return [b.clone() for b in _float_buffers(network)]


def _restore_(network: nn.Module, kept: list[Tensor], finite: Tensor) -> None:
    """Undo the batch norms' running averages of a step that was not finite; one NaN would stay for ever."""
    for buffer, before in zip(_float_buffers(network), kept, strict=True):
        buffer.copy_(torch.where(finite > 0, buffer, before))


def _float_buffers(network: nn.Module) -> list[Tensor]:
    return [b for b in network.buffers() if b.is_floating_point()]


@torch.no_grad()
def _average(s: Stepper, finite: Tensor) -> None:
    """Move the average, batch norm buffers included, towards the weights."""
    now = [*s.state.generator.parameters(), *_float_buffers(s.state.generator)]
    average = [*s.state.ema.parameters(), *_float_buffers(s.state.ema)]
    way = torch._foreach_sub(now, average)
    torch._foreach_mul_(way, s.ema_weight * finite)
    torch._foreach_add_(average, way)


def _count(s: Stepper, meters: Tensor, finite: Tensor) -> None:
    _note(meters, skipped=1.0 - finite)
    s.meters.add_(meters.nan_to_num(0.0, 0.0, 0.0))
    s.streak.add_(1.0).mul_(1.0 - finite)


def _note(meters: Tensor, **values: Tensor) -> None:
    for name, value in values.items():
        meters[METERS.index(name)] = value.detach()


def _autocast(s: Stepper) -> AbstractContextManager[None]:
    # No cache of cast weights: it would keep a captured graph's tensors alive beyond their step.
    return torch.autocast(s.state.lr.device.type, torch.bfloat16, enabled=s.bf16, cache_enabled=False)

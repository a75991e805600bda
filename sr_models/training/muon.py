"""Muon (Jordan et al., 2024): every kernel's momentum, made orthogonal, is the step.

Adam scales each weight by itself; a kernel's step then stays dominated by a few directions. Muon gives all
singular values of the step about the same size. It is for kernels between hidden layers; the other parameters
(first and last layer, norms, slopes, biases) take Adam.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# K kernels of one shape; each an O x I matrix, I = inputs times kernel pixels.

_MOMENTUM = 0.95
_BETAS, _EPS = (0.9, 0.99), 1e-8
_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al.: five rounds bring singular values into 0.7 to 1.2
_ROUNDS = 5
_RMS = 0.2  # of a step of Adam's, so that rates compare (Liu et al., arXiv 2502.16982)
_HIDDEN_CHANNELS = 32
"""A kernel with fewer channels on either side reads or makes a picture."""


class Muon(Optimizer):
    """Muon for kernels with at least 32 channels on both sides, Adam for all else, at one learning rate.

    A step with `found_inf` set changes nothing, as in fused Adam, and asks the host nothing: it can be
    captured as a CUDA graph.
    """

    found_inf: Tensor | None = None

    def __init__(self, parameters: Iterable[nn.Parameter], lr: Tensor) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        if closure is not None:
            raise TypeError("Muon expects gradients, not a closure")
        (group,) = self.param_groups
        lr = group["lr"]
        keep = torch.ones_like(lr) if self.found_inf is None else 1.0 - self.found_inf
        kernels: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others: list[nn.Parameter] = []
        for p in group["params"]:
            if p.grad is not None:
                (kernels[p.shape] if is_hidden_kernel(p) else others).append(p)
        for alike in kernels.values():
            self._orthogonal_step(alike, lr, keep)
        if others:
            self._adam_step(others, lr, keep)

    def _orthogonal_step(self, kernels: list[nn.Parameter], lr: Tensor, keep: Tensor) -> None:
        gradients = _finite(torch.stack([_gradient(p).flatten(1) for p in kernels]), keep)  # (K, O, I)
        momenta = [self._moment(p, "momentum", g) for p, g in zip(kernels, gradients, strict=True)]
        _move_(momenta, list(gradients), (1.0 - _MOMENTUM) * keep)
        ahead = gradients.lerp_(torch.stack(momenta), _MOMENTUM)  # Nesterov's
        change = orthogonalised(ahead) * (lr * keep * _RMS * max(ahead.shape[1:]) ** 0.5)
        for c, p in zip(change, kernels, strict=True):
            p.sub_(c.reshape(p.shape))

    def _adam_step(self, parameters: list[nn.Parameter], lr: Tensor, keep: Tensor) -> None:
        fast, slow = _BETAS
        sizes = [p.numel() for p in parameters]
        flat = _finite(torch.cat([_gradient(p).flatten() for p in parameters]), keep)
        gradients = list(torch.split(flat, sizes))
        means = [self._moment(p, "mean", g) for p, g in zip(parameters, gradients, strict=True)]
        squares = [self._moment(p, "square", g) for p, g in zip(parameters, gradients, strict=True)]
        step = self._moment(parameters[0], "step", keep).add_(keep)  # one for all: gradients come together
        _move_(means, gradients, (1.0 - fast) * keep)
        _move_(squares, list(torch.split(flat * flat, sizes)), (1.0 - slow) * keep)
        mean, square = torch.cat(means) / (1.0 - fast**step), torch.cat(squares) / (1.0 - slow**step)
        change = _finite(lr * mean / (square.sqrt() + _EPS), keep)
        for c, p in zip(torch.split(change, sizes), parameters, strict=True):
            p.sub_(c.view(p.shape))

    def _moment(self, p: nn.Parameter, name: str, like: Tensor) -> Tensor:
        if name not in self.state[p]:
            self.state[p][name] = torch.zeros_like(like)
        return self.state[p][name]  # type: ignore[no-any-return]


def is_hidden_kernel(p: Tensor) -> bool:
    """Return whether Muon takes p: a kernel (O, I, h, w) between hidden layers."""
    return p.dim() == 4 and min(p.shape[:2]) >= _HIDDEN_CHANNELS


def orthogonalised(x: Tensor) -> Tensor:
    """Return (K, O, I) matrices with the singular vectors of x and singular values of 0.7 to 1.2.

    Newton-Schulz iteration on the small Gram matrix x x^T: an eighth of the textbook form's products.
    """
    if x.shape[1] > x.shape[2]:
        return orthogonalised(x.mT).mT
    a, b, c = _QUINTIC
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-30)
    gram = x @ x.mT  # (K, O, O)
    eye = torch.eye(gram.shape[1], device=x.device)
    product = q = a * eye + b * gram + c * (gram @ gram)
    for _ in range(_ROUNDS - 1):
        gram = q @ gram @ q
        q = a * eye + b * gram + c * (gram @ gram)
        product = q @ product
    return product @ x


def _gradient(p: nn.Parameter) -> Tensor:
    if p.grad is None:
        raise TypeError("a parameter without a gradient")
    return p.grad


def _finite(values: Tensor, keep: Tensor) -> Tensor:
    """Return values, or zeros where keep is 0: 0 times NaN would be NaN."""
    return torch.where(keep > 0, values, 0.0)


def _move_(averages: list[Tensor], towards: list[Tensor], weight: Tensor) -> None:
    """Move averages by `weight`, a scalar on the device, of the way."""
    way = torch._foreach_sub(towards, averages)
    torch._foreach_mul_(way, weight)
    torch._foreach_add_(averages, way)

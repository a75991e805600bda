"""SOAP (Vyas et al., arXiv 2409.11321): Adam in the directions in which gradients vary.

Adam gives each weight a rate of its own. Where the filters of a layer are far from independent, as in small
luma networks, its steps zigzag. Here each layer's gradient is turned into the eigenvectors of its covariances
between outputs and between inputs, Adam works there, and the step is turned back.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# Bases are kept row by row, as a checkpoint brings them back: sums run in the layout's order.
# O outputs of a layer, I inputs times kernel pixels. A vector is (O, 1) and has no right side.

_DECAY = 0.98
"""Decay of the covariances' averages."""
_REFRESH_EVERY = 20
"""Steps between two looks at the eigenvectors: they turn slowly, and a look costs many steps."""
_TINY = 1e-10


class Soap(Optimizer):
    """For networks whose layers have at most some thousands of inputs: a side's eigenvectors cost its cube.

    A step with `found_inf` set changes nothing, as in fused Adam. It asks the host, so that it cannot be
    captured as a CUDA graph.
    """

    found_inf: Tensor | None = None

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: Tensor, betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        if closure is not None:
            raise TypeError("SOAP expects gradients, not a closure")
        if self.found_inf is not None and bool(self.found_inf):
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, self.state[parameter], group["lr"], group["betas"])


def _update(parameter: Tensor, state: dict[str, Tensor], lr: Tensor, betas: tuple[float, float]) -> None:
    gradient = _matrix(parameter.grad)  # type: ignore[arg-type]
    if not state:  # one gradient spans one direction: in the others there is no size to divide by yet
        _begin(state, gradient)
        return
    state["step"] += 1
    fast, slow = betas
    rotated = _to_eigenbasis(gradient, state)
    state["mean"].lerp_(gradient, 1 - fast)  # kept unrotated: it outlives changes of the directions
    state["square"].lerp_(rotated.square(), 1 - slow)
    mean = _to_eigenbasis(state["mean"], state) / (1 - fast ** state["step"])
    square = state["square"] / (1 - slow ** state["step"])
    change = _from_eigenbasis(mean / (square.sqrt() + _TINY), state)
    parameter.sub_((lr * change).reshape(parameter.shape))
    for side, covariance in _covariances(gradient).items():
        state[side].lerp_(covariance, 1 - _DECAY)
        if int(state["step"]) % _REFRESH_EVERY == 0:  # one step of power iteration, from the last ones
            state[f"{side}_basis"] = torch.linalg.qr(state[side] @ state[f"{side}_basis"])[0].contiguous()


def _begin(state: dict[str, Tensor], gradient: Tensor) -> None:
    state["step"] = torch.zeros((), device=gradient.device)
    state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    for side, covariance in _covariances(gradient).items():
        state[side] = covariance
        state[f"{side}_basis"] = torch.linalg.eigh(covariance)[1].contiguous()


def _matrix(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], -1).contiguous() if x.dim() > 1 else x.reshape(-1, 1)


def _covariances(gradient: Tensor) -> dict[str, Tensor]:
    """Return (O, O) and, of a matrix, (I, I)."""
    sides = {"left": gradient @ gradient.T}
    return sides | {"right": gradient.T @ gradient} if gradient.shape[1] > 1 else sides


def _to_eigenbasis(x: Tensor, state: dict[str, Tensor]) -> Tensor:
    x = state["left_basis"].T @ x
    return x @ state["right_basis"] if "right_basis" in state else x


def _from_eigenbasis(x: Tensor, state: dict[str, Tensor]) -> Tensor:
    x = state["left_basis"] @ x
    return x @ state["right_basis"].T if "right_basis" in state else x

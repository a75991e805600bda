"""Brings each step its crops and rates without the host in between; on CUDA a step is one graph.

Crop plans and rates of a chunk of steps lie in tables on the device, and a counter there says which
row is next: a step reads nothing from the host, so it can be captured once and replayed.
"""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sr_models.data.errors import InputError
from sr_models.training.crops import crop_source, gather
from sr_models.training.pack import Pack
from sr_models.training.recipes import Part
from sr_models.training.schedule import Rates
from sr_models.training.step import Stepper, step

log = logging.getLogger(__name__)

_GRAPH_AFTER = 12
"""Steps made kernel by kernel before one is captured: libraries choose their algorithms meanwhile."""


class Feed:
    """`enter` a part, `load` a chunk of at most `rows` of its steps, then `step` as often."""

    def __init__(
        self, pack: Pack, stepper: Stepper, *, rows: int, graph: bool, targets: Pack | None = None
    ) -> None:
        self.pack, self.rows, self.stepper = pack, rows, stepper
        self.device = stepper.state.lr.device
        files = [torch.from_numpy(p.pixels()) for p in (pack, targets) if p is not None]
        self.resident = _fits(files, self.device)
        # Of the pack and, where a teacher has made any, of the targets: the same crops are cut from both.
        self.pixels = [pixels.to(self.device) if self.resident else pixels for pixels in files]
        self.rates = torch.zeros((rows, len(Rates._fields)), device=self.device)
        self.counter = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.part: Part | None = None
        hindrance = self._hindrance()
        self.capture = graph and self.device.type == "cuda" and hindrance is None
        # One stream for eager steps and capture: autograd's nodes remember the stream they first ran on.
        self.stream = _new_stream(self.device)
        if graph and self.device.type == "cuda" and hindrance is not None:
            log.info("no CUDA graph: %s", hindrance)

    def enter(self, part: Part) -> None:
        """Prepare for steps of a part: their crops' tables, and on CUDA a graph of their own."""
        if part == self.part:
            return
        world, self.part = self.stepper.world, part
        if part.batch % world.size:
            raise InputError(f"a batch of {part.batch} cannot be shared evenly by {world.size} processes")
        # A target belongs to an LR picture whose pixels lie on the grid of the scale.
        grid = self.stepper.state.config.network.scale if len(self.pixels) > 1 else 1
        self.source = crop_source(self.pack, part.crop_px, grid)
        share = len(range(world.rank, part.batch, world.size))
        self.plan = torch.zeros((self.rows, share, 3), dtype=torch.int64, device=self.device)
        self.stepper.enter(part)
        self.taken = 0
        self.replay: Callable[[], None] | None = None

    def _hindrance(self) -> str | None:
        """Return why a step cannot be captured, or None."""
        if not self.resident:
            return "the pictures do not fit"
        if self.stepper.world.size > 1:
            return "several processes"
        return "SOAP asks the host" if self.stepper.state.config.optimiser == "soap" else None

    def load(self, first: int, rates: list[Rates[float]]) -> None:
        """Put the crops and rates of the steps from `first` on the device."""
        world = self.stepper.world
        plan = self.source.plan(self.stepper.state.config.seed, first, len(rates), self._part().batch)
        mine = np.ascontiguousarray(plan[:, world.rank :: world.size])
        if self.stream is not None:  # validation and loading run on the default stream
            torch.cuda.synchronize(self.device)
        self.plan[: len(rates)].copy_(torch.from_numpy(mine))
        self.rates[: len(rates)].copy_(torch.tensor(rates))
        self.counter.zero_()
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))

    def step(self) -> None:
        """Make one step."""
        with torch.cuda.stream(self.stream):  # does nothing where stream is None
            if self.replay is None and self.capture and self.taken == _GRAPH_AFTER:
                self.replay = self._captured()
            (self.replay or self._eager)()
        self.taken += 1

    def settle(self) -> None:
        """Wait until every step is done; only then may others read what steps have written."""
        if self.stream is not None:
            torch.cuda.synchronize(self.device)

    def _eager(self) -> None:
        s = self.stepper
        rates = Rates(*self.rates.index_select(0, self.counter)[0].unbind())
        s.state.lr.copy_(rates.lr)
        s.state.d_lr.copy_(rates.d_lr)
        s.ema_weight.copy_(rates.ema_weight)
        s.alpha.copy_(rates.alpha)
        plan = self.plan.index_select(0, self.counter)[0].to(self.pixels[0].device)
        step(s, *(gather(pixels, plan, self._part().crop_px).to(self.device) for pixels in self.pixels))
        self.counter.add_(1)

    def _part(self) -> Part:
        if self.part is None:
            raise RuntimeError("enter a part first")
        return self.part

    def _captured(self) -> Callable[[], None] | None:
        """Return the replay of one step, or None where CUDA cannot. Capturing itself runs nothing."""
        graph = torch.cuda.CUDAGraph()
        try:
            torch.cuda.synchronize(self.device)
            with torch.cuda.graph(graph, stream=self.stream):
                self._eager()
        except RuntimeError as error:
            log.warning("no CUDA graph, going on kernel by kernel: %s", str(error).splitlines()[0])
            torch.cuda.synchronize(self.device)
            return None
        log.info("each step is now one CUDA graph")
        return graph.replay


def _new_stream(device: torch.device) -> torch.cuda.Stream | None:
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]


def _fits(files: list[Tensor], device: torch.device) -> bool:
    """Return whether the pictures may stay on the device: they take at most half of what is free."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(pixels.numel() for pixels in files) < free // 2

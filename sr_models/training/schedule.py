"""Where a run is between its first step and its last, by steps or by minutes."""

import time
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from torch import Tensor

from sr_models.training.recipes import Part, TrainConfig
from sr_models.training.state import Progress
from sr_models.training.world import World

Number = TypeVar("Number", float, Tensor)


class Rates(NamedTuple, Generic[Number]):
    """What changes from step to step: numbers, or scalars on the device."""

    lr: Number
    """The generator's."""
    d_lr: Number
    """The discriminator's."""
    ema_weight: Number
    """How far the average moves towards the weights."""
    alpha: Number
    """Weight of the supervision of every recursion (DRCN)."""


@dataclass
class Clock:
    """Progress and learning rate of a run; `seconds_before` were spent before it was resumed."""

    config: TrainConfig
    seconds_before: float

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._seconds_per_step = 0.0
        self._marked_step: int | None = None

    def over(self, progress: Progress) -> bool:
        """Return whether the run has had its steps or its minutes."""
        if self.config.minutes is None:
            return progress.step >= self.config.steps
        return progress.seconds >= 60 * self.config.minutes

    def steps_left(self, progress: Progress) -> int:
        """Return how many steps are left, at least 1; by minutes, at the speed of the last ones, and 1 until
        that is known.
        """
        if self.config.minutes is None:
            return max(1, self.config.steps - progress.step)
        if not self._seconds_per_step:
            return 1
        return max(1, int((60 * self.config.minutes - progress.seconds) / self._seconds_per_step))

    def part(self, progress: Progress) -> Part:
        """Return what the next step is made of."""
        return self.config.part(progress.step, self.position(progress.step, progress))

    def steps_alike(self, progress: Progress, limit: int) -> int:
        """Return how many of the next `limit` steps are of one part, at least 1."""
        config, now = self.config, self.part(progress)
        alike = (
            k
            for k in range(1, limit)
            if config.part(progress.step + k, self.position(progress.step + k, progress)) != now
        )
        return next(alike, limit)

    def rates(self, step: int, progress: Progress) -> Rates[float]:
        """Return the rates of a step; the average warms up, so that it does not remember the start."""
        ema = self.config.ema
        weight = 1 - min(ema, (1 + step) / (10 + step)) if ema else 1.0
        position = self.position(step, progress)
        lr = progress.lr_scale * self.config.lr.at(step, position)
        adversary, recursions = self.config.adversary, self.config.recursions
        return Rates(
            lr=lr,
            d_lr=adversary.rate * lr if adversary else 0.0,
            ema_weight=weight,
            alpha=recursions.alpha(position) if recursions else 0.0,
        )

    def position(self, step: int, progress: Progress) -> float:
        """Return 0 (first step) to 1 (last); by minutes, steps ahead count at the speed of the last ones."""
        if self.config.minutes is None:
            return step / self.config.steps
        ahead = (step - progress.step) * self._seconds_per_step
        return min(1.0, (progress.seconds + ahead) / (60 * self.config.minutes))

    def tick(self, progress: Progress, world: World) -> None:
        """Note the time after some steps, the same on every process."""
        now = world.largest(self.seconds_before + time.monotonic() - self._started)
        if self._marked_step is not None and progress.step > self._marked_step:
            self._seconds_per_step = (now - progress.seconds) / (progress.step - self._marked_step)
        progress.seconds, self._marked_step = now, progress.step

"""A metric is one function and its facts."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.protocol import View
from sr_models.registry import Registry

Compare = Callable[[View, View], float]
"""(sr, hr) -> value, both seen through one protocol."""


@dataclass(frozen=True)
class Metric:
    """How alike two pictures are, as one number."""

    name: str
    function: Compare
    unit: str
    higher_is_better: bool
    digits: int
    """Printed behind the point, as papers do."""
    source: str
    version: str

    @property
    def heading(self) -> str:
        """How tables and plots head its column."""
        return f"{self.name.upper()} ({self.unit})" if self.unit else self.name.upper()

    def __call__(self, sr: View, hr: View) -> float:
        """Return the value of one pair."""
        return self.function(sr, hr)


METRICS: Registry[Metric] = Registry("metric", package="bench.metrics", group="srmos.metrics")


def metric(
    name: str, *, unit: str = "", higher_is_better: bool, digits: int, source: str, version: str = "1"
) -> Callable[[Compare], Compare]:
    """Register the decorated (sr, hr) -> float under name."""

    def register(function: Compare) -> Compare:
        METRICS.add(name, Metric(name, function, unit, higher_is_better, digits, source, version))
        return function

    return register

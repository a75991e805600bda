"""A metric is one function and its facts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from bench.protocols.presets import Protocol, View
from sr_models.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    Values = Tensor | Sequence[float]

Compare = Callable[[View, View], float]
"""(sr, hr) -> value, both seen through one protocol."""

Judge = Callable[..., "Values"]
"""(scene, *paths of the weights) -> one value a model; nan where a picture has none."""


@dataclass(frozen=True)
class Metric:
    """What every metric states."""

    name: str
    unit: str
    higher_is_better: bool
    digits: int
    """Printed behind the point, as papers do."""
    source: str
    version: str

    @property
    def heading(self) -> str:
        """How tables and plots head its column."""
        name = self.name.upper().replace("_", "-")
        return f"{name} ({self.unit})" if self.unit else name

    @property
    def direction(self) -> str:
        """How figures and notes say which values are better."""
        return f"{'higher' if self.higher_is_better else 'lower'} is better"

    def badness(self, value: float) -> float:
        """Return a number that is lower the better the value: what tables rank by."""
        return -value if self.higher_is_better else value

    def signature(self, protocol: Protocol, scale: int, _weights: str = "") -> str:
        """Return what a reader needs to compute the same number elsewhere."""
        return protocol.signature(self.name, scale, self.version)


@dataclass(frozen=True)
class PlaneMetric(Metric):
    """How alike two pictures are in the planes that a protocol makes of them, as one number."""

    function: Compare

    def __call__(self, sr: View, hr: View) -> float:
        """Return the value of one pair."""
        return self.function(sr, hr)


@dataclass(frozen=True)
class PictureMetric(Metric):
    """How good RGB pictures look: all models' versions of one picture at once, on the device.

    The protocol says which border is cropped and nothing else; its luma is not for these metrics.
    """

    function: Judge
    options: str
    """Everything that could have been chosen otherwise, for the signature."""
    libraries: tuple[str, ...] = ()
    """Distributions that compute it; their versions are part of the signature."""
    weights: tuple[str, ...] = ()
    """Files that must be there (bench/perceptual/weights.toml)."""
    min_side: int = 1
    """Smaller pictures have no value."""
    whole: bool = False
    """Looks at the whole picture, whatever the protocol crops."""
    ideal: float | None = None
    """The best value where neither more nor less is better."""
    never: str = ""
    """Why it cannot be computed, whatever the user brings."""

    @property
    def direction(self) -> str:
        """How figures and notes say which values are better."""
        return super().direction if self.ideal is None else f"closer to {self.ideal:g} is better"

    def badness(self, value: float) -> float:
        """Return the distance from the ideal, where there is one."""
        return super().badness(value) if self.ideal is None else abs(value - self.ideal)

    def signature(self, protocol: Protocol, scale: int, weights: str = "") -> str:
        """Return options, crop, versions and weights; the protocol's luma does not matter."""
        crop = 0 if self.whole else protocol.crop(scale)
        facts = [self.name, "RGB", f"crop{crop}", "u8", "grey:rgb", self.options, "mean", f"v{self.version}"]
        facts += [f"{library}:{version(library)}" for library in self.libraries]
        return "|".join([*facts, *([weights] if weights else []), f"srmos:{version('srmos')}"])


METRICS: Registry[Metric] = Registry("metric", package="bench.metrics", group="srmos.metrics")


def metric_names() -> list[str]:
    """Return every name in the order of tables: what compares planes first, as papers do."""
    return sorted(METRICS.names(), key=lambda name: isinstance(METRICS[name], PictureMetric))


def metric(
    name: str, *, unit: str = "", higher_is_better: bool, digits: int, source: str, version: str = "1"
) -> Callable[[Compare], Compare]:
    """Register the decorated (sr, hr) -> float under name."""

    def register(function: Compare) -> Compare:
        METRICS.add(name, PlaneMetric(name, unit, higher_is_better, digits, source, version, function))
        return function

    return register


def picture_metric(
    name: str,
    *,
    options: str,
    higher_is_better: bool,
    digits: int,
    source: str,
    unit: str = "",
    version: str = "1",
    libraries: Iterable[str] = (),
    weights: Iterable[str] = (),
    min_side: int = 1,
    whole: bool = False,
    ideal: float | None = None,
    never: str = "",
) -> Callable[[Judge], Judge]:
    """Register the decorated (scene, *weights) -> values under name."""

    def register(function: Judge) -> Judge:
        METRICS.add(
            name,
            PictureMetric(
                name, unit, higher_is_better, digits, source, version, function,
                options, tuple(libraries), tuple(weights), min_side, whole, ideal, never,
            ),
        )  # fmt: skip
        return function

    return register

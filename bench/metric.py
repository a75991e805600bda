"""A metric is one function and its facts."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from bench.protocols.presets import Protocol, View
from sr_models.data.errors import InputError
from sr_models.data.names import check_name
from sr_models.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from sr_models.data.image import Image

    Values = Tensor | Sequence[float]

_HEADINGS = {"vif": "VIFp", "ntire_x4": "NTIRE x4"}
"""Where the name in capitals would say too little."""

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
    """Of the function; empty: not stated, so that its scores are computed anew every time."""

    @property
    def heading(self) -> str:
        """How tables and plots head its column."""
        name = _HEADINGS.get(self.name) or self.name.upper().replace("_", "-")
        return f"{name} ({self.unit})" if self.unit else name

    @property
    def direction(self) -> str:
        """How figures and notes say which values are better."""
        return f"{'higher' if self.higher_is_better else 'lower'} is better"

    def badness(self, value: float) -> float:
        """Return a number that is lower the better the value: what tables rank by."""
        return -value if self.higher_is_better else value

    def printed(self, value: float) -> str:
        """Return a value as every table, figure and page prints it."""
        return f"{value:.{self.digits}f}" if math.isfinite(value) else str(value)

    def printed_difference(self, value: float) -> str:
        """Return a difference of two values, signed, with one digit more than the values have."""
        return f"{value:+.{self.digits + 1}f}" if math.isfinite(value) else f"{value:+}"

    @property
    def needs_original(self) -> bool:
        """Whether it compares with HR; without one it does not apply."""
        return True

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
    degrades: bool = False
    """Makes LR again from the result: it needs LR that was made here, by a known degradation."""
    no_reference: bool = False
    """Looks at the result alone: it applies where there are no originals."""

    @property
    def needs_original(self) -> bool:
        """Whether it compares with HR."""
        return not self.no_reference

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
        facts += [f"{library}:{_installed(library)}" for library in self.libraries]
        return "|".join([*facts, *([weights] if weights else []), f"srmos:{_installed('srmos')}"])


@dataclass(frozen=True)
class RatedMetric(Metric):
    """What people said; its rows come from a study and are never computed."""

    def signature(self, _protocol: Protocol, _scale: int, _weights: str = "") -> str:
        """Return what rows of unknown ratings say."""
        return f"{self.name}|people|mean over raters|v{self.version}"


@dataclass(frozen=True)
class Term:
    """One part of a composite."""

    metric: str
    text: str
    """As formulas write it."""
    function: Callable[[float], float]


@dataclass(frozen=True)
class CompositeMetric(Metric):
    """A sum over other metrics of one picture, made where tables are made; no row holds it."""

    terms: tuple[Term, ...]
    needed: tuple[str, ...]
    """Without these there is no value; the other parts may be missing and are then named."""
    scale: int
    """What it is defined for."""

    def value(self, parts: Mapping[str, float]) -> float:
        """Return the sum over the parts that there are."""
        return sum(term.function(parts[term.metric]) for term in self.terms if term.metric in parts)

    def stated(self, parts: Iterable[str]) -> str:
        """Return the formula, and which parts are missing."""
        there = set(parts)
        formula = "+".join(f"({term.text})" for term in self.terms if term.metric in there)
        missing = ",".join(term.metric for term in self.terms if term.metric not in there)
        without = f"|without {missing}: not the whole score" if missing else ""
        return f"{self.name}|sum of {formula}{without}|v{self.version}|srmos:{_installed('srmos')}"

    def signature(self, _protocol: Protocol, _scale: int, _weights: str = "") -> str:
        """Return the formula."""
        return self.stated(term.metric for term in self.terms)


def with_parts(names: Iterable[str]) -> tuple[str, ...]:
    """Return metrics with each composite replaced by its parts: what is computed and stored.

    Raises InputError for what people say, which nothing computes.
    """
    found: list[str] = []
    for name in names:
        metric = METRICS[name]
        if isinstance(metric, RatedMetric):
            raise InputError(f"{name} comes from people: give the ratings (--ratings), not the metric")
        found += [term.metric for term in metric.terms] if isinstance(metric, CompositeMetric) else [name]
    return tuple(dict.fromkeys(found))


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def as_number(value: object) -> float:
    """Return what a metric returned as a float (NaN included); raise TypeError for anything but a number."""
    if isinstance(value, str | bytes | bool | None):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)  # type: ignore[arg-type]


class _Metrics(Registry[Metric]):
    def put(self, name: str, item: Metric) -> None:
        """Make item known as name, in place of what was."""
        self._items[name] = item


METRICS = _Metrics("metric", package="bench.metrics", group="srmos.metrics")


def metric_names() -> list[str]:
    """Return every name in the order of tables: what compares planes first, as papers do."""
    kinds = (PlaneMetric, PictureMetric, CompositeMetric, RatedMetric)
    return sorted(
        METRICS.names(), key=lambda name: [isinstance(METRICS[name], kind) for kind in kinds].index(True)
    )


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
    degrades: bool = False,
    no_reference: bool = False,
) -> Callable[[Judge], Judge]:
    """Register the decorated (scene, *weights) -> values under name."""

    def register(function: Judge) -> Judge:
        METRICS.add(
            name,
            PictureMetric(
                name, unit, higher_is_better, digits, source, version, function,
                options, tuple(libraries), tuple(weights), min_side, whole, ideal, degrades, no_reference,
            ),
        )  # fmt: skip
        return function

    return register


PictureFunction = Callable[["Image", "Image"], float]
"""(sr, hr) -> value: two uint8 pictures (H, W, 3) without the border that the protocol crops."""


@dataclass(frozen=True)
class _OfPictures:
    """A function of two pictures as a function of two views."""

    function: PictureFunction

    def __call__(self, sr: View, hr: View) -> float:
        return self.function(sr.image, hr.image)


_CUSTOM: dict[str, Metric] = {}


def custom_metric(function: PictureFunction) -> str:
    """Register a function of two pictures as a metric and return its name.

    Its `__name__` is the name; attributes `higher_is_better` (default True), `unit`, `digits` (4) and
    `version` (not stated) say the rest. A second function of one name takes the place of the first.
    """
    name = str(getattr(function, "__name__", type(function).__name__)).strip("<>")
    check_name(name)
    register_custom(
        PlaneMetric(
            name=name,
            unit=str(getattr(function, "unit", "")),
            higher_is_better=bool(getattr(function, "higher_is_better", True)),
            digits=int(getattr(function, "digits", 4)),
            source="a function of the user's",
            version=str(getattr(function, "version", "")),
            function=_OfPictures(function),
        )
    )
    return name


def register_custom(metric: Metric) -> None:
    """Make a metric of the user's known; one of ours keeps its name."""
    if metric.name in METRICS and metric.name not in _CUSTOM:
        raise InputError(f"metrics: {metric.name} is a built-in metric: give the function another name")
    METRICS.put(metric.name, metric)
    _CUSTOM[metric.name] = metric


def custom_metrics() -> tuple[Metric, ...]:
    """Return the metrics of the user's, for other processes to register."""
    return tuple(_CUSTOM.values())

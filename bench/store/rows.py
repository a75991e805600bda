"""The rows that a run keeps: scores, saved pictures, costs."""

import hashlib
import json
import re
from dataclasses import dataclass

_PATH = re.compile(r"([^/@]+)(?:@([^/@]+))?/([^/]+)/x([1-9][0-9]*)(?:-([^/]+))?/([^/]+)\.png")


DEFAULT_LR = "matlab"
"""The degradation that folders of saved pictures do not name."""


ROUNDED_16 = "rounded16"
"""The part of a variant that says that 16-bit pictures were read by rounding."""


UNTRUSTED = "0" * 12
"""The key of what has no stated version: it never matches, so it is computed anew every time."""


def key_of(*parts: object) -> str:
    """Return 12 hex digits over what could change a row's value; parts are numbers, texts and None."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, order=True)
class Score:
    """One row of scores.csv: one number."""

    model: str
    variant: str
    """What differs from the model as published (`self-ensemble`, `bf16`, `multiple12`, ...), by `+`."""
    dataset: str
    scale: int
    lr: str
    image: str
    protocol: str
    metric: str
    value: float
    """NaN stands for a value still to be computed, and is never stored."""
    signature: str
    """How the value was computed, with the versions of then; empty in rows of older files."""
    key: str
    """12 hex digits over everything that could change the value."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What is unique in a table: all but value, signature and key."""
        return (
            self.model, self.variant, self.dataset, self.scale,
            self.lr, self.image, self.protocol, self.metric,
        )  # fmt: skip

    @property
    def method(self) -> str:
        """The name of the row of a table that the value belongs to."""
        return method_name(self.model, self.variant)

    def __post_init__(self) -> None:
        check_key(self.key)


@dataclass(frozen=True)
class Place:
    """Where an upscaled picture lies below images/: the one place that knows the rule."""

    model: str
    variant: str
    dataset: str
    scale: int
    lr: str
    image: str

    @property
    def path(self) -> str:
        """<model>[@variant]/<dataset>/x<scale>[-<lr>]/<image>.png."""
        lr = "" if self.lr == DEFAULT_LR else f"-{self.lr}"
        return f"{method_name(self.model, self.variant)}/{self.dataset}/x{self.scale}{lr}/{self.image}.png"

    @property
    def original(self) -> "Place":
        """Where the original lies that the picture is compared with."""
        variant = hr_variant(self.variant)
        return Place("hr", variant, self.dataset, self.scale, self.lr, self.image)

    @classmethod
    def of(cls, path: str) -> "Place":
        """Return the place that a path stands for, or raise ValueError."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise ValueError(f"path {path!r} is not model/dataset/xN/picture.png")
        model, variant, dataset, scale, lr, image = found.groups(default="")
        return cls(model, variant, dataset, int(scale), lr or DEFAULT_LR, image)


@dataclass(frozen=True, order=True)
class SavedPicture:
    """One row of images/index.csv: an upscaled picture and what it was made from."""

    path: str
    """Below images/."""
    key: str
    sha256: str

    @property
    def identity(self) -> tuple[object, ...]:
        """A path holds one picture."""
        return (self.path,)

    @property
    def place(self) -> Place:
        """What the path says."""
        return Place.of(self.path)

    def __post_init__(self) -> None:
        Place.of(self.path)
        if len(self.sha256) != 64:
            raise ValueError(f"sha256: expected 64 hex digits, got {self.sha256!r}")


@dataclass(frozen=True, order=True)
class Profile:
    """One row of profile.csv: what one model needs for one picture on one device."""

    model: str
    scale: int
    output: str
    """Width x height of the output, 1280x720 or, where the scale does not divide that, just above."""
    device: str
    """The name of the machine's device."""
    dtype: str
    threads: int
    parameters: int | None
    """0: not a network. None: the model's file does not tell."""
    macs: int | None
    """Multiply-accumulates of convolutions and matrix products; None: not a torch network."""
    flops: int | None
    """2 * macs: a multiplication and an addition each."""
    latency_ms: float
    """Median from uint8 picture to uint8 picture, after warm-up."""
    latency_iqr_ms: float | None
    """None: timed once, because one picture takes over 10 s."""
    peak_memory_mib: float | None
    """What a picture adds to the loaded model's memory; None: the platform does not tell."""
    key: str
    """12 hex digits over everything that could change the row."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What is unique in a table: a model at a scale on a device, in a dtype, with so many threads."""
        return (self.model, self.scale, self.output, self.device, self.dtype, self.threads)

    def __post_init__(self) -> None:
        check_key(self.key)


def check_key(key: str) -> None:
    """Raise ValueError for a key that was cut short."""
    if len(key) != 12:
        raise ValueError(f"key: expected 12 hex digits, got {key!r}")


def method_name(model: str, variant: str) -> str:
    """Return what tables and folders call a model run in some variant: `espcn`, `espcn@bf16`."""
    return f"{model}@{variant}" if variant else model


def hr_variant(variant: str) -> str:
    """Return the parts of a variant that concern HR itself: how it was cropped, and how it was read."""
    parts = (each for each in variant.split("+") if each.startswith("multiple") or each == ROUNDED_16)
    return "+".join(parts)

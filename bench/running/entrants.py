"""Who is compared: models by name, file, module or function, and the original."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from glob import glob
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, cast

import numpy as np

from sr_models.data.dataset import Picture, Sample
from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.data.names import check_name
from sr_models.models import MODEL_SUFFIXES, MODELS, FactoryError, file_of, find_model
from sr_models.upscaler import BatchUpscaler, Luma, LumaUpscaler, Upscaler

if TYPE_CHECKING:
    from bench.running.parcel import Move
    from sr_models.inference.torch_upscaler import Dtype

UpscaleFunction = Callable[[Image], Image]
"""A model as a plain function: LR, uint8 (h, w, 3), to SR, uint8 (scale * h, scale * w, 3)."""


class Entrant(Protocol):
    """Whoever has a version of each picture."""

    is_published: ClassVar[bool]
    """Pixels are never touched, not even to make grey what was published in colour."""
    is_scored: ClassVar[bool]

    @property
    def name(self) -> str:
        """What tables and folders call it."""

    @property
    def text(self) -> str:
        """What run.json says it is."""

    @property
    def version(self) -> str | None:
        """Changes whenever the same picture would come out differently; None: not stated, or not one."""

    @property
    def dtype(self) -> str:
        """What its network computes in; fp32 where there is none."""

    @property
    def self_ensemble(self) -> bool:
        """Whether its network averages over eight orientations."""

    @property
    def variant(self) -> str:
        """What differs from the model as published: `bf16`, `self-ensemble`, or both joined by `+`."""

    def fingerprint(self, picture: Picture, /) -> str | None:
        """Return what its version of a picture depends on besides the picture; None: unknown."""

    def problem(self, scale: int, /) -> str:
        """Return why it cannot work at all at this scale; empty if it can."""

    def upscale(self, picture: Picture, sample: Sample, /) -> Image:
        """Return its version of a picture."""

    def at_once(self, scale: int, shape: tuple[int, ...], /) -> int:
        """Return how many LR pictures of a shape it should be given together."""

    def upscale_together(self, scale: int, lrs: Sequence[Image], /) -> Sequence[Image]:
        """Return its versions of LR pictures of one size; called where `at_once` is over 1."""

    def luma(self, scale: int, /) -> Callable[[Luma], Luma] | None:
        """Return its path for luma alone, or None if it has none."""

    def moved(self, picture: Picture, move: "Move", /) -> "Entrant":
        """Return itself with the files that `move` names, as far as this picture needs them."""

    def check(self) -> None:
        """Raise InputError where this machine has another version of it."""


@dataclass(frozen=True)
class Plain:
    """What holds for every entrant that is not a network."""

    dtype: ClassVar[str] = "fp32"
    self_ensemble: ClassVar[bool] = False
    variant: ClassVar[str] = ""
    is_published: ClassVar[bool] = False
    is_scored: ClassVar[bool] = True

    def problem(self, _scale: int) -> str:
        """Return nothing: it always works."""
        return ""

    def at_once(self, _scale: int, _shape: tuple[int, ...]) -> int:
        """Return 1: it gains nothing from more."""
        return 1

    def upscale_together(self, _scale: int, _lrs: Sequence[Image]) -> Sequence[Image]:
        """Raise TypeError: nobody asks."""
        raise TypeError(f"{type(self).__name__} takes one picture at a time")

    def luma(self, _scale: int) -> None:
        """It has no path for luma alone."""

    def moved(self, _picture: Picture, _move: "Move") -> Self:
        """Return itself: it reads no file."""
        return self

    def check(self) -> None:
        """It travels whole: every machine has the same version."""


@dataclass(frozen=True)
class ModelEntrant:
    """A model, built from its text in whichever process needs it."""

    name: str
    text: str
    """What the user wrote: a registered name or NAME=SPEC."""
    version: str | None
    device: str = "auto"
    dtype: str = "fp32"
    self_ensemble: bool = False
    is_published: ClassVar[bool] = False
    is_scored: ClassVar[bool] = True

    @property
    def is_foreign(self) -> bool:
        """Whether it comes from a file or a module of the user's."""
        return "=" in self.text

    @property
    def variant(self) -> str:
        """What differs from the model as published."""
        ensemble = "self-ensemble" if self.self_ensemble else ""
        return "+".join(part for part in (self.dtype.removeprefix("fp32"), ensemble) if part)

    def fingerprint(self, _picture: Picture) -> str | None:
        """Return the version."""
        return self.version

    def build(self, scale: int) -> Upscaler:
        """Return the model, ready to run as asked; each process builds it once."""
        return _built(self.text, scale, self.device, self.dtype, self.self_ensemble)

    def problem(self, scale: int) -> str:
        """Return why it cannot be built; raises FactoryError for what a user's factory raises."""
        try:
            self.build(scale)
        except FactoryError:
            raise
        except InputError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (a plug-in is anybody's code)
            return f"{type(error).__name__}: {error}"
        return ""

    def upscale(self, picture: Picture, sample: Sample) -> Image:
        """Return the super-resolved picture."""
        return self.build(picture.scale)(sample.lr)

    def at_once(self, scale: int, shape: tuple[int, ...]) -> int:
        """Return what the model says, or 1 if it says nothing."""
        model = self.build(scale)
        return model.at_once(shape) if isinstance(model, BatchUpscaler) else 1

    def upscale_together(self, scale: int, lrs: Sequence[Image]) -> Sequence[Image]:
        """Return the super-resolved pictures."""
        return cast("BatchUpscaler", self.build(scale)).batch(lrs)

    def luma(self, scale: int) -> Callable[[Luma], Luma] | None:
        """Return the model's path for luma alone, or None if it has none."""
        upscaler = self.build(scale)
        return upscaler.upscale_luma if isinstance(upscaler, LumaUpscaler) else None

    def moved(self, _picture: Picture, move: "Move") -> "ModelEntrant":
        """Return the model with its file, if it has one, where `move` says."""
        file = file_of(self.text)
        if file is None:
            return self
        name, _, spec = self.text.partition("=")
        return replace(self, text=f"{name}={move.weights(Path(file))}{spec.removeprefix(file)}")

    def check(self) -> None:
        """Raise InputError where this machine has another version of it."""
        here = find_model(self.text).version
        if here != self.version:
            raise InputError(
                f"worker {node()} has another {self.name}: expected version {self.version}, got {here}: "
                "install the same srmos there"
            )


@dataclass(frozen=True)
class FunctionEntrant(Plain):
    """A model that is a plain function, from Python. Its attribute `version` says when scores may be kept."""

    name: str
    function: UpscaleFunction
    text: ClassVar[str] = "a Python function"

    @property
    def version(self) -> str | None:
        """What the function states, or None."""
        stated = getattr(self.function, "version", None)
        return None if stated is None else str(stated)

    def fingerprint(self, _picture: Picture) -> str | None:
        """Return the version."""
        return self.version

    def problem(self, scale: int) -> str:
        """Return why a model that states its scale cannot be used at this one."""
        own = getattr(self.function, "scale", scale)
        return "" if own == scale else f"expected a model for x{scale}, got one for x{own}"

    def upscale(self, _picture: Picture, sample: Sample) -> Image:
        """Return what the function makes of LR; a PIL picture is taken as its pixels."""
        made = self.function(sample.lr.copy())
        return np.asarray(made) if hasattr(made, "getbands") else made


@dataclass(frozen=True)
class Original(Plain):
    """HR itself: saved for studies and pages, never scored."""

    name: str = "hr"
    is_scored: ClassVar[bool] = False
    text: ClassVar[str] = "original"
    version: ClassVar[None] = None

    def fingerprint(self, _picture: Picture) -> str | None:
        """Return a constant: it depends on nothing but the picture."""
        return "hr"

    def upscale(self, _picture: Picture, sample: Sample) -> Image:
        """Return HR."""
        return sample.original


def named_model(name: str, model: object) -> str | Entrant:
    """Return the model that a name and a name, a spec or a function stand for."""
    check_name(name)
    if isinstance(model, str):
        if ":" in model or model.endswith(MODEL_SUFFIXES):
            return f"{name}={model}"
        known = MODELS[model]
        return ModelEntrant(name, model, known.version)
    if not callable(model):
        raise InputError(
            f"models[{name!r}]: expected a name, a spec or a function of LR, got {type(model).__name__}"
        )
    return FunctionEntrant(name, model)


def model_entrants(
    models: Sequence[str | Entrant],
    scale: int,
    *,
    device: str = "auto",
    dtype: str = "fp32",
    self_ensemble: bool = False,
) -> list[Entrant]:
    """Return the models that are meant: names, NAME=SPEC, `all`; none given: everything that is not slow.

    dtype and self_ensemble concern networks; other models are what they always are.
    """
    models = [each for text in models for each in (_expanded(text) if isinstance(text, str) else [text])]
    if not models:
        models = [model.name for model in MODELS if not model.slow]
    elif "all" in models:
        models = [*MODELS.names(), *(each for each in models if not isinstance(each, str) or "=" in each)]
    entrants: list[Entrant] = []
    for each in dict.fromkeys(models):
        if isinstance(each, str):
            model = find_model(each)
            plain = ModelEntrant(model.name, each, model.version, device)
        elif isinstance(each, ModelEntrant):
            plain = replace(each, device=device)
        else:
            entrants.append(each)
            continue
        asked = replace(plain, dtype=dtype, self_ensemble=self_ensemble)
        entrants.append(asked if asked != plain and _is_network(plain, scale) else plain)
    return entrants


def _expanded(text: str) -> list[str | Entrant]:
    """A file or a pattern of files is as many models, each called by its stem."""
    if "=" in text or not text.endswith(MODEL_SUFFIXES):
        return [text]
    files = sorted(glob(text, recursive=True)) if any(sign in text for sign in "*?[") else [text]
    if not files:
        raise InputError(f"models: {text} matches no file")
    return [f"{Path(file).stem}={file}" for file in files]


def _is_network(entrant: ModelEntrant, scale: int) -> bool:
    return bool(entrant.problem(scale)) or hasattr(entrant.build(scale), "inference")


def problem_of(asked: tuple[Entrant, int]) -> tuple[str, str]:
    """Return an entrant's name, and why it cannot work at a scale; empty if it can."""
    entrant, scale = asked
    return entrant.name, entrant.problem(scale)


def has_luma_path(asked: tuple[Entrant, int]) -> tuple[str, bool]:
    """Return an entrant's name, and whether it can upscale luma alone."""
    entrant, scale = asked
    return entrant.name, not entrant.problem(scale) and entrant.luma(scale) is not None


@cache
def _built(text: str, scale: int, device: str, dtype: str, self_ensemble: bool) -> Upscaler:
    model = find_model(text).build(scale)
    if (device, dtype, self_ensemble) == ("auto", "fp32", False):
        return model
    from sr_models.inference.torch_upscaler import Inference, with_inference

    return with_inference(model, Inference(device, cast("Dtype", dtype), self_ensemble=self_ensemble))

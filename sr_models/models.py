"""Every model by name: what `bench run --models` and `sr-models list` know."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sr_models.registry import Registry
from sr_models.upscaler import Upscaler

Build = Callable[[int], Upscaler]
"""scale -> Upscaler; raises InputError for a scale the model does not have."""


@dataclass(frozen=True)
class Model:
    """A model that can be built by name."""

    name: str
    label: str
    """As the SRGAN paper prints it."""
    build: Build
    version: str | None
    """Changes whenever the same picture would come out differently (code, or the weights' sha256);
    None: unknown, so that stored scores are never trusted."""
    slow: bool = False
    """Runs only when named."""


_MODELS: Registry[Model] = Registry("model", "srmos.models")


def model(name: str, *, label: str, version: str, slow: bool = False) -> Callable[[Build], Build]:
    """Register the decorated `build(scale) -> Upscaler` under name."""

    def register(build: Build) -> Build:
        _MODELS.add(name, Model(name, label, build, version, slow))
        return build

    return register


@cache
def models() -> Registry[Model]:
    """Return the registry, with every file of `sr_models/zoo` imported; an import error raises at once."""
    zoo = importlib.import_module("sr_models.zoo")
    for family in pkgutil.iter_modules(zoo.__path__, "sr_models.zoo."):
        importlib.import_module(family.name)
    return _MODELS

"""Every model by name: what `bench run --models` and `sr-models list` know."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sr_models.data.errors import InputError
from sr_models.data.names import check_name
from sr_models.registry import Registry
from sr_models.upscaler import Upscaler

Build = Callable[[int], Upscaler]
"""scale -> Upscaler; raises InputError for a scale the model does not have."""


@dataclass(frozen=True)
class Model:
    """A model that can be built by name."""

    name: str
    build: Build
    version: str | None
    """Changes whenever the same picture would come out differently (code, or the weights' sha256);
    None: unknown, so that stored scores are never trusted."""
    slow: bool = False
    """Runs only when named."""


MODELS: Registry[Model] = Registry("model", package="sr_models.zoo", group="srmos.models")


def model(name: str, *, version: str, slow: bool = False) -> Callable[[Build], Build]:
    """Register the decorated `build(scale) -> Upscaler` under name."""

    def register(build: Build) -> Build:
        MODELS.add(name, Model(name, build, version, slow))
        return build

    return register


def find_model(text: str) -> Model:
    """Return the model that text means: a registered name, or NAME=module:factory.

    `factory(scale)` returns an Upscaler; its `version` attribute says when stored scores may be trusted.
    """
    name, is_spec, spec = text.partition("=")
    if not is_spec:
        return MODELS[text]
    check_name(name)
    if name in MODELS:
        raise InputError(f"{name} is a built-in model: choose another name for {spec}")
    factory = _import_factory(spec)
    return Model(name, factory, getattr(factory, "version", None))


def _import_factory(spec: str) -> Build:
    module_name, has_colon, attribute = spec.partition(":")
    if not has_colon or not attribute:
        raise InputError(f"{spec!r} is no model: NAME=module:factory is wanted")
    here = str(Path.cwd())
    if here not in sys.path:  # console scripts do not have it, `python -m` does
        sys.path.insert(0, here)
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        raise InputError(f"{spec}: no module called {error.name!r} can be imported from {here}") from error
    except AttributeError:
        raise InputError(f"{spec}: {module_name} has no {attribute!r}") from None
    if not callable(factory):
        raise InputError(f"{spec}: a callable factory(scale) is wanted, {type(factory).__name__} came")
    return factory  # type: ignore[no-any-return]

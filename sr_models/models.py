"""Every model by name: what `bench run --models` and `sr-models list` know."""

import hashlib
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


MODEL_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".onnx")

MODELS: Registry[Model] = Registry("model", package="sr_models.zoo", group="srmos.models")


def model(name: str, *, version: str, slow: bool = False) -> Callable[[Build], Build]:
    """Register the decorated `build(scale) -> Upscaler` under name."""

    def register(build: Build) -> Build:
        MODELS.add(name, Model(name, build, version, slow))
        return build

    return register


def find_model(text: str) -> Model:
    """Return the model that text means: a registered name, NAME=FILE or NAME=module:factory.

    FILE is weights of ours, a checkpoint that spandrel knows, an ONNX or a TorchScript file; its hash is the
    model's version. `factory(scale)` returns an Upscaler; its `version` attribute says when stored scores may
    be trusted.
    """
    name, is_spec, spec = text.partition("=")
    if not is_spec:
        return MODELS[text]
    check_name(name)
    if name in MODELS:
        raise InputError(f"{name} is a built-in model: choose another name for {spec}")
    if spec.endswith(MODEL_SUFFIXES):
        return _from_file(name, Path(spec).expanduser())
    factory = _import_factory(spec)
    return Model(name, lambda scale: _made(factory, spec, scale), getattr(factory, "version", None))


def _made(factory: Build, spec: str, scale: int) -> Upscaler:
    """Return factory(scale); a bare torch network is wrapped as one of RGB in [0, 1]."""
    made = factory(scale)
    if not isinstance(made, Upscaler) and hasattr(made, "state_dict"):
        from sr_models.inference.foreign import open_network

        return open_network(made, scale, spec)
    return made


def _from_file(name: str, path: Path) -> Model:
    if not path.is_file():
        raise InputError(f"{path}: no such file")

    def build(scale: int) -> Upscaler:
        from sr_models.inference.foreign import open_model_file  # torch only when a network is wanted

        return open_model_file(path, scale)

    return Model(name, build, hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def _import_factory(spec: str) -> Build:
    module_name, has_colon, attribute = spec.partition(":")
    if not has_colon or not attribute:
        raise InputError(
            f"{spec!r} is no model: NAME=module:factory is wanted, or NAME=FILE ({', '.join(MODEL_SUFFIXES)})"
        )
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

"""Every model by name: what `bench run --models` and `sr-models list` know."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of
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
    build_at_own_scale: Callable[[], Upscaler] | None = None
    """Builds the model at the scale that its file states; None: the caller chooses the scale."""


class FactoryError(InputError):
    """What a user's factory raised, as one line: nobody can go on with that model."""


MODEL_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".onnx")

MODELS: Registry[Model] = Registry("model", package="sr_models.zoo", group="srmos.models")


def model(name: str, *, version: str, slow: bool = False) -> Callable[[Build], Build]:
    """Register the decorated `build(scale) -> Upscaler` under name."""

    def register(build: Build) -> Build:
        MODELS.add(name, Model(name, build, version, slow))
        return build

    return register


def find_model(text: str) -> Model:
    """Return the model that text means: a registered name, NAME=FILE or NAME=FACTORY.

    FILE is weights of ours, a checkpoint that spandrel knows, an ONNX or a TorchScript file; its hash is the
    model's version. FACTORY is `module:function` or `path/file.py:function`; `function(scale)` returns an
    Upscaler; its `version` attribute says when stored scores may be trusted.
    """
    name, is_spec, spec = text.partition("=")
    if not is_spec:
        return MODELS[text]
    check_name(name)
    if name in MODELS:
        raise InputError(f"{name} is a built-in model: choose another name for {spec}")
    return _from_spec(name, spec)


def file_of(text: str) -> str | None:
    """Return the file that NAME=SPEC names: weights, or Python; None for names and modules."""
    spec = text.partition("=")[2]
    if spec.lower().endswith(MODEL_SUFFIXES):
        return spec
    place = spec.rpartition(":")[0]
    return place if place.endswith(".py") else None


def find_any_model(text: str) -> Model:
    """Return the model that text means: what `find_model` takes, or FILE or FACTORY without a name."""
    if text.lower().endswith(MODEL_SUFFIXES) and Path(text).expanduser().is_file():
        return _from_spec(Path(text).stem, text)
    if "=" not in text and (":" in text or text.lower().endswith(MODEL_SUFFIXES)):
        return _from_spec(Path(text).stem, text)
    return find_model(text)


def _from_spec(name: str, spec: str) -> Model:
    if spec.lower().endswith(MODEL_SUFFIXES):
        return _from_file(name, Path(spec).expanduser())
    factory = _import_factory(spec)
    return Model(name, lambda scale: _made(factory, spec, scale), getattr(factory, "version", None))


def _made(factory: Build, spec: str, scale: int) -> Upscaler:
    """Return factory(scale); a bare torch network is wrapped as one of RGB in [0, 1]."""
    try:
        made = factory(scale)
    except InputError:  # of ours: the scale above all
        raise
    except (Exception, SystemExit) as error:  # whatever a user's factory raises
        call = f"{spec.rpartition(':')[2]}({scale})"
        raise FactoryError(f"{spec}: {call} failed: {_one_line(error)}") from error
    if not isinstance(made, Upscaler) and hasattr(made, "state_dict"):
        from sr_models.inference.foreign import open_network

        return open_network(made, scale, spec)
    if not isinstance(made, Upscaler):
        raise InputError(
            f"{spec}: expected it to return a function on pictures with a `scale`, got {type(made).__name__}"
        )
    return made


def _from_file(name: str, path: Path) -> Model:
    if not path.is_file():
        raise InputError(f"{path}: no such file")

    def build(scale: int | None = None) -> Upscaler:
        from sr_models.inference.foreign import open_model_file  # torch only when a network is wanted

        return open_model_file(path, scale)

    version = sha256_of(path)[:16]
    return Model(name, build, version, build_at_own_scale=build)


def _import_factory(spec: str) -> Build:
    place, _, attribute = spec.rpartition(":")
    is_module = all(part.isidentifier() for part in place.split("."))
    if not attribute or not (is_module or place.endswith(".py")):
        raise InputError(
            f"expected NAME=module:function, NAME=path/file.py:function or NAME=FILE "
            f"({', '.join(MODEL_SUFFIXES)}), got {spec!r}"
        )
    module = _import_file(Path(place).expanduser()) if place.endswith(".py") else _import_module(place, spec)
    factory = getattr(module, attribute, None)
    if factory is None:
        raise InputError(f"{spec}: {place} has no {attribute!r}")
    if not callable(factory):
        raise InputError(f"{spec}: expected a function of the scale, got {type(factory).__name__}")
    return factory  # type: ignore[no-any-return]


def _import_module(name: str, spec: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:  # console scripts do not have it, `python -m` does
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"{spec}: no module called {error.name!r} can be imported from {here}") from error
    except (Exception, SystemExit) as error:  # whatever a user's module raises
        raise InputError(f"{spec}: importing {name} failed: {_one_line(error)}") from error


def _import_file(path: Path) -> ModuleType:
    """Return the module in a file, run once for each content: it may have changed since."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    identity = hashlib.sha256(bytes(path.resolve()) + path.read_bytes()).hexdigest()
    name = f"_{path.stem}_{identity[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise InputError(f"{path}: not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(module_spec)  # dataclasses look there
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        del sys.modules[name]
        raise InputError(f"importing {path} failed: {_one_line(error)}") from error
    return module


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")

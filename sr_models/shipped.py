"""The weights that come with the package, as models with names."""

import hashlib
import json
from pathlib import Path

from sr_models.data.errors import UnknownNameError
from sr_models.models import model
from sr_models.upscaler import Upscaler

WEIGHTS = Path(__file__).parent / "weights"


def weights_path(name: str) -> Path:
    """Return the file of the shipped weights called name, or raise UnknownNameError."""
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        raise UnknownNameError("shipped weights", name, (p.stem for p in WEIGHTS.glob("*.safetensors")))
    return path


def weights_named(text: str) -> Path:
    """Return the weights file that text says: a path to a .safetensors file, or a name of shipped weights."""
    return Path(text) if text.endswith(".safetensors") else weights_path(text)


def register_shipped(name: str, *, slow: bool = False) -> None:
    """Register the shipped weights called name as a model; a name without weights is not registered.

    The model's version is a hash of its tensors, so that stored scores are made anew when weights change,
    and not when a card does.
    """
    path = WEIGHTS / f"{name}.safetensors"
    if path.is_file():
        model(name, version=tensors_hash(path), slow=slow)(lambda scale: _opened(path, scale))


def _opened(path: Path, scale: int) -> Upscaler:
    from sr_models.inference.weights_file import open_weights  # imports torch

    return open_weights(path, scale)


def tensors_hash(path: Path) -> str:
    """Return 16 hex digits over the names, shapes and values in a safetensors file, its metadata left out."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")  # the format: header size, JSON header, values
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode() + content[start:]).hexdigest()[:16]

"""Model files as upscalers: weights files of srmos, checkpoints that spandrel knows, ONNX, TorchScript.

Pickles are only ever read with `weights_only=True`.
"""

import pickle
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.inference.torch_upscaler import Inference, TorchUpscaler, to_images
from sr_models.inference.weights_file import is_ours, open_weights
from sr_models.upscaler import Upscaler

_TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")
_ON_CPU = Inference(device="cpu")  # `with_inference` moves a model elsewhere
_PROBE = 16  # side of the picture that tells the scale of a file that does not state one


def open_model_file(path: Path, scale: int | None = None) -> Upscaler:
    """Return the upscaler in a model file; one of another scale than asked for raises InputError.

    Without a scale, any scale is accepted.
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return _at_scale(_open_onnx(path), scale, path)
    if suffix not in _TORCH_SUFFIXES:
        raise InputError(f"{path}: a model file ends in .onnx, {', '.join(_TORCH_SUFFIXES)}")
    if suffix == ".safetensors" and is_ours(path):
        return open_weights(path, scale)
    if (script := _torchscript(path)) is not None:
        return _at_scale(_probe(script, path), scale, path)
    return _at_scale(_open_spandrel(path), scale, path)


def open_network(network: nn.Module, scale: int, where: str) -> Upscaler:
    """Return a torch network of RGB (N, 3, h, w) in [0, 1] as an upscaler; `where` names it in errors."""
    return _at_scale(_probe(network, Path(where)), scale, Path(where))


def _at_scale(model: Upscaler, scale: int | None, path: Path) -> Upscaler:
    if scale not in (None, model.scale):
        raise InputError(f"{path}: expected a scale of {scale}, got a model of scale {model.scale}")
    return model


def _torchscript(path: Path) -> nn.Module | None:
    """Return the network in a TorchScript archive (a zip file with code in it), or None for other files."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if not any("/code/" in name for name in archive.namelist()):
            return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated for new work; files in the field remain
        return torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-any-return, no-untyped-call]


def _probe(network: nn.Module, path: Path) -> TorchUpscaler:
    """Return network as an upscaler of RGB in [0, 1]; its result for a small picture tells its scale."""
    network = network.eval()
    with torch.inference_mode():
        try:
            out = network(torch.zeros(1, 3, _PROBE, _PROBE))
        except (RuntimeError, TypeError, NotImplementedError) as error:
            raise InputError(
                f"{path}: does not take float RGB (1, 3, h, w) ({str(error).splitlines()[-1]})"
            ) from None
    shape = tuple(out.shape) if isinstance(out, torch.Tensor) else ()
    if len(shape) != 4 or shape[1] != 3 or shape[2] % _PROBE or shape[2] != shape[3]:
        raise InputError(
            f"{path}: expected (1, 3, 16*s, 16*s) from (1, 3, 16, 16), got {shape or type(out).__name__}"
        )
    return TorchUpscaler(_Whole(network), shape[2] // _PROBE, _ON_CPU)


class _Whole(nn.Module):
    """A network of unknown receptive field: always run on the whole picture, never in tiles."""

    reach = 0
    floats_per_pixel = 0

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)  # type: ignore[no-any-return]


def _open_spandrel(path: Path) -> Upscaler:
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ImportError:
        raise InputError(
            f"{path}: other checkpoints than ours need spandrel: pip install -e '.[spandrel]'"
        ) from None
    state = _state_dict(path)
    try:
        found = ModelLoader(device="cpu").load_from_state_dict(state)
    except UnsupportedModelError:
        raise InputError(f"{path}: spandrel knows no architecture with {_some_keys(state)}") from None
    except RuntimeError as error:  # torch lists missing and unexpected keys, one a line
        raise InputError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(found, ImageModelDescriptor) or found.input_channels != 3 or found.output_channels != 3:
        raise InputError(f"{path}: {found.architecture.name} does not map one RGB picture to one RGB picture")
    return TorchUpscaler(_Padded(found), found.scale, _ON_CPU)


class _Padded(nn.Module):
    """A spandrel model; it pads to the multiples its architecture needs and crops again."""

    reach = 0
    floats_per_pixel = 0

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.network = descriptor.model.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.descriptor(x)  # type: ignore[no-any-return]


def _state_dict(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise InputError(f"{path}: cannot be read as safetensors ({error})") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what cannot be read raises anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        why = str(error).partition("\n")[0][:160] or "it ends too early"
        raise InputError(f"{path}: not a checkpoint of plain tensors ({why})") from None
    for key in ("params_ema", "params", "state_dict", "model"):  # wrappings in use
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a state dict, got {type(state).__name__}")
    return state


def _some_keys(state: dict[str, Any]) -> str:
    keys = sorted(map(str, state))
    return f"{len(keys)} tensors named {', '.join(keys[:4])}" + (", ..." if len(keys) > 4 else "")


@dataclass(frozen=True)
class OnnxUpscaler:
    """An ONNX graph that maps float RGB (1, 3, h, w) in [0, 1] to (1, 3, s*h, s*w)."""

    session: Any
    scale: int

    def __call__(self, lr: Image) -> Image:
        """Return lr at scale times its size."""
        x = (lr.astype(np.float32) / 255.0).transpose(2, 0, 1)[None]
        out = self.session.run(None, {self.session.get_inputs()[0].name: x})[0]
        return to_images(torch.from_numpy(out))[0]


def _open_onnx(path: Path) -> OnnxUpscaler:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{path}: ONNX files need onnxruntime: pip install -e '.[onnx]'") from None
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0].name
        out = session.run(None, {entry: np.zeros((1, 3, _PROBE, _PROBE), np.float32)})[0]
    except Exception as error:  # noqa: BLE001 (onnxruntime's errors have no common base of their own)
        raise InputError(f"{path}: onnxruntime cannot run it ({str(error).splitlines()[0][:200]})") from None
    if out.ndim != 4 or out.shape[1] != 3 or out.shape[2] % _PROBE:
        raise InputError(f"{path}: expected (1, 3, 16*s, 16*s) from (1, 3, 16, 16), got {out.shape}")
    return OnnxUpscaler(session, out.shape[2] // _PROBE)

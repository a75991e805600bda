"""A torch network as an Upscaler: device, dtype, tiles, self-ensemble, and the one place that rounds."""

import copy
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.data.luma import luma
from sr_models.data.resize import imresize
from sr_models.upscaler import Luma, Upscaler

# N pictures, C channels (3 RGB, 1 luma), h w LR size, H W = scale * (h w).

Dtype = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[Dtype, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_MOST_AT_ONCE = 32
_LUMA_TO_RGB = 255.0 / 219.0  # a step of studio-swing luma moves R, G and B by this, chroma held


Progress = Callable[[float], object]
"""Called with the share of the picture that has just been done; the shares of a picture sum to 1."""


def _no_progress(_share: float) -> None:
    pass


@dataclass(frozen=True)
class Inference:
    """How a network runs. Apart from the self-ensemble, results differ by rounding only."""

    device: str = "auto"
    """`auto` (CUDA, else MPS, else CPU) or any name that torch knows."""
    dtype: Dtype = "fp32"
    memory_mb: int = 2048
    """Pictures whose activations would take more are computed in tiles."""
    self_ensemble: bool = False
    """Mean over the eight orientations of the input: about +0.1 dB at 8 times the cost."""
    on_progress: Progress = field(default=_no_progress, compare=False)
    """Called after each tile."""


@dataclass(frozen=True)
class TorchUpscaler:
    """An RGB network behind the Upscaler contract. Build it with `upscaler`."""

    network: nn.Module
    scale: int
    inference: Inference = field(default_factory=Inference)
    parameters: int | None = None
    """Of the network as trained; folding batch norms leaves fewer."""

    def __call__(self, lr: Image) -> Image:
        """Return lr at scale times its size."""
        return self.batch([lr])[0]

    def batch(self, lrs: Sequence[Image]) -> list[Image]:
        """Return pictures of one size, upscaled together."""
        return to_images(run(self.network, to_tensor(lrs), self.scale, self.inference))

    def at_once(self, shape: tuple[int, ...]) -> int:
        """Return how many pictures of a shape to take at once; see `pictures_at_once`."""
        return pictures_at_once(self.network, shape, self.inference)


@dataclass(frozen=True)
class LumaTorchUpscaler:
    """A luma network behind the Upscaler contract; chroma is enlarged bicubically."""

    network: nn.Module
    scale: int
    inference: Inference = field(default_factory=Inference)
    parameters: int | None = None
    """Of the network as trained; folding batch norms leaves fewer."""

    def __call__(self, lr: Image) -> Image:
        """Return lr at scale times its size."""
        return self.batch([lr])[0]

    def batch(self, lrs: Sequence[Image]) -> list[Image]:
        """Return pictures of one size, their luma upscaled together."""
        _check_one_size(lrs)
        lumas = [luma(lr) for lr in lrs]
        upscaled = self._upscaled(lumas)
        return [self._in_colour(*each) for each in zip(lrs, lumas, upscaled, strict=True)]

    def at_once(self, shape: tuple[int, ...]) -> int:
        """Return how many pictures of a shape to take at once; see `pictures_at_once`."""
        return pictures_at_once(self.network, shape, self.inference)

    def upscale_luma(self, lr: Luma) -> Luma:
        """Return luma (h, w) at scale times its size, not rounded."""
        return self._upscaled([lr])[0]

    def _upscaled(self, lumas: Sequence[Luma]) -> Sequence[Luma]:
        x = torch.from_numpy(np.stack(lumas) / 255.0).float()[:, None]
        result: Luma = _finite(run(self.network, x, self.scale, self.inference))[:, 0].double().numpy()
        return list(result * 255.0)

    def _in_colour(self, lr: Image, low: Luma, upscaled: Luma) -> Image:
        """Replacing the luma of bicubic RGB and keeping its chroma moves all three channels alike."""
        rgb = imresize(lr.astype(np.float64), self.scale)
        correction = _LUMA_TO_RGB * (upscaled - imresize(low, self.scale))
        return np.floor((rgb + correction[..., None]).clip(0, 255) + 0.5).astype(np.uint8)


def upscaler(
    network: nn.Module, scale: int, colour: Literal["rgb", "luma"], inference: Inference | None = None
) -> TorchUpscaler | LumaTorchUpscaler:
    """Return network, ready to run: evaluation mode, batch norms folded, on its device in its dtype.

    The network given is not changed.
    """
    inference = inference or Inference()
    if inference.dtype not in DTYPES:
        raise InputError(f"expected a dtype of {', '.join(DTYPES)}, got {inference.dtype!r}")
    device, dtype = pick_device(inference.device), DTYPES[inference.dtype]
    if dtype is torch.float16 and device.type == "cpu":
        raise InputError("fp16 needs a GPU: on the CPU take fp32 or bf16")
    ready = fold_batch_norm(network).to(device, dtype).to(memory_format=torch.channels_last)
    _activate_in_place(ready)
    cls = TorchUpscaler if colour == "rgb" else LumaTorchUpscaler
    parameters = sum(weight.numel() for weight in network.parameters())
    return cls(ready.requires_grad_(False), scale, replace(inference, device=str(device)), parameters)


def with_inference(model: Upscaler, inference: Inference) -> Upscaler:
    """Return model run as inference says, if it is one of ours; any other model is returned as it is."""
    if isinstance(model, TorchUpscaler | LumaTorchUpscaler):
        colour: Literal["rgb", "luma"] = "rgb" if isinstance(model, TorchUpscaler) else "luma"
        again = upscaler(copy.deepcopy(model.network).float(), model.scale, colour, inference)
        return replace(again, parameters=model.parameters)
    return model


def with_progress(model: Upscaler, on_progress: Progress) -> Upscaler:
    """Return model telling how far it is with a picture, if it is a torch network; others as they are."""
    if isinstance(model, TorchUpscaler | LumaTorchUpscaler):
        return replace(model, inference=replace(model.inference, on_progress=on_progress))
    return model


def pick_device(name: str) -> torch.device:
    """Return the device called name; `auto` takes CUDA, else MPS, else the CPU."""
    if name == "auto":
        best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(best)
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"no device {name!r} here ({str(error).splitlines()[0]}): try 'auto'") from None


def to_tensor(images: Sequence[Image]) -> Tensor:
    """Return pictures of one size as float (N, 3, h, w) in [0, 1]."""
    _check_one_size(images)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255.0


def _check_one_size(images: Sequence[Image]) -> None:
    if len({image.shape for image in images}) != 1:
        raise InputError("pictures of a batch must have one size")


def to_images(x: Tensor) -> list[Image]:
    """Return (N, 3, H, W) in [0, 1] as pictures: clipped, rounded half up, the only rounding there is.

    Raises InputError for NaN and infinity, which would be saved as black or white.
    """
    levels = (_finite(x).float() * 255.0).clamp(0, 255).add(0.5).floor().to(torch.uint8)
    return list(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _finite(x: Tensor) -> Tensor:
    bad = x.numel() - int(torch.isfinite(x).sum())
    if bad:
        raise InputError(
            f"{bad} of {x.numel()} values of the network's output are not finite (NaN or infinite)"
        )
    return x


@torch.inference_mode()
def run(network: nn.Module, x: Tensor, scale: int, inference: Inference) -> Tensor:
    """Return network(x), (N, C, H, W) in float32 on the CPU, tiled and averaged as inference says.

    On NVIDIA, fp32 is fp32: TF32, torch's default for convolutions, has ten bits of mantissa.
    """
    device, dtype = pick_device(inference.device), DTYPES[inference.dtype]
    side = tile_side(network, x.shape[0], inference)
    passes = math.prod(-(-n // side) for n in x.shape[-2:]) * (8 if inference.self_ensemble else 1)

    def forward(tile: Tensor) -> Tensor:
        tile = tile.to(device, dtype).contiguous(memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            result: Tensor = network(tile).float().cpu()
        inference.on_progress(1 / passes)
        return result

    def whole(picture: Tensor) -> Tensor:
        return tiled(forward, picture, scale, side, int(network.reach))  # type: ignore[arg-type]

    return self_ensemble(whole, x) if inference.self_ensemble else whole(x)


def tiled(forward: Callable[[Tensor], Tensor], x: Tensor, scale: int, side: int, reach: int) -> Tensor:
    """Return forward(x), computed in square tiles of `side` LR pixels plus `reach` on each side."""
    h, w = x.shape[-2:]
    if h <= side and w <= side:
        return forward(x)
    rows = []
    for top in range(0, h, side):
        row = [_tile(forward, x, scale, reach, _Box(top, left, side)) for left in range(0, w, side)]
        rows.append(torch.cat(row, dim=-1))
    return torch.cat(rows, dim=-2)


@dataclass(frozen=True)
class _Box:
    top: int
    left: int
    side: int


def _tile(forward: Callable[[Tensor], Tensor], x: Tensor, scale: int, reach: int, box: _Box) -> Tensor:
    h, w = x.shape[-2:]
    y0, x0 = max(0, box.top - reach), max(0, box.left - reach)
    bottom, right = min(h, box.top + box.side), min(w, box.left + box.side)
    out = forward(x[..., y0 : min(h, bottom + reach), x0 : min(w, right + reach)])
    y, x_ = (
        slice(scale * (box.top - y0), scale * (bottom - y0)),
        slice(scale * (box.left - x0), scale * (right - x0)),
    )
    return out[..., y, x_]


def tile_side(network: nn.Module, pictures: int, inference: Inference) -> int:
    """Return the side of a tile, without its overlap, in LR pixels, that stays within the memory budget."""
    floats = int(network.floats_per_pixel)  # type: ignore[arg-type]
    if floats == 0:  # the receptive field is unknown: always the whole picture
        return sys.maxsize
    pixels = inference.memory_mb * 2**20 / (4 * floats * pictures)
    return max(32, int(pixels**0.5) - 2 * int(network.reach))  # type: ignore[arg-type]


def pictures_at_once(network: nn.Module, shape: tuple[int, ...], inference: Inference) -> int:
    """Return how many LR pictures of shape (h, w, ...) to compute together: that need no tiles, at most 32.

    1 except on CUDA: elsewhere one picture keeps the device busy. 1, too, where its memory is unknown.
    """
    if not inference.device.startswith("cuda") or not int(network.floats_per_pixel):  # type: ignore[arg-type]
        return 1
    fitting = (n for n in range(_MOST_AT_ONCE, 1, -1) if tile_side(network, n, inference) >= max(shape[:2]))
    return next(fitting, 1)


def self_ensemble(
    forward: Callable[[Tensor], Tensor], x: Tensor, orientations: Literal[1, 4, 8] = 8
) -> Tensor:
    """Return the mean of forward over orientations of x, turned back: 1, 4 turns, or all 8."""
    total: Any = 0.0
    for turns in range(min(orientations, 4)):
        for mirrored in (False, True) if orientations == 8 else (False,):
            turned = torch.rot90(x.flip(-1) if mirrored else x, turns, (-2, -1))
            back = torch.rot90(forward(turned), -turns, (-2, -1))
            total = total + (back.flip(-1) if mirrored else back)
    return total / orientations  # type: ignore[no-any-return]


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, each batch norm that follows a convolution folded into it."""
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fold_pairs(module)
    return network


def _fold_pairs(layers: nn.Sequential) -> None:
    for i in range(len(layers) - 1):
        conv, norm = layers[i], layers[i + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            layers[i], layers[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()


def _activate_in_place(network: nn.Module) -> None:
    """Let activations overwrite the output of the convolution before them: allocating memory is slow."""
    for layers in list(network.modules()):
        if isinstance(layers, nn.Sequential):
            before: nn.Module | None = None
            for i, layer in enumerate(list(layers)):
                if isinstance(before, nn.Conv2d | nn.PixelShuffle):
                    layers[i] = _in_place(layer)
                if not isinstance(layer, nn.Identity):
                    before = layer


def _in_place(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.ReLU):
        return nn.ReLU(inplace=True)
    if isinstance(layer, nn.PReLU) and layer.num_parameters == 1:
        return nn.LeakyReLU(layer.weight.item(), inplace=True)
    return layer

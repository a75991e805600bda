"""Weights -> ONNX with any picture size, checked against the network it came from."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.data.luma import LUMA_WEIGHTS
from sr_models.inference.torch_upscaler import fold_batch_norm, upscaler
from sr_models.inference.weights_file import load_network

_OPSET = 18


def export_onnx(weights: Path, out: Path) -> int:
    """Write weights as an ONNX file and return the largest difference to ours, in grey levels (0 or 1).

    The graph maps RGB float (N, 3, h, w) in [0, 1] to (N, 3, s*h, s*w), for luma networks too:
    their graph includes the bicubic chroma. A difference above 1 raises InputError and leaves no file.
    """
    from sr_models.inference.foreign import open_model_file

    network, card = load_network(weights)
    graph = fold_batch_norm(network)
    if card.network.colour == "luma":
        graph = WithChroma(graph, card.network.scale)
    _write(graph, out)
    ours = upscaler(network, card.network.scale, card.network.colour)
    theirs = open_model_file(out, card.network.scale)
    levels = max(_difference(ours(lr), theirs(lr)) for lr in (_picture(40, 28, 0), _picture(25, 33, 1)))
    if levels > 1:
        out.unlink()
        raise InputError(f"{out}: onnxruntime differs by {levels} grey levels from torch: not exported")
    return levels


class WithChroma(nn.Module):
    """A luma network as an RGB one: the bicubic picture, its luma replaced (see LumaTorchUpscaler)."""

    weights: Tensor

    def __init__(self, network: nn.Module, scale: int) -> None:
        from sr_models.networks.bicubic import BicubicEnlargement

        super().__init__()
        self.network = network
        self.enlarge = BicubicEnlargement(scale)
        self.register_buffer("weights", torch.tensor(LUMA_WEIGHTS).reshape(1, 3, 1, 1) / 255.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged picture, (N, 3, h, w) -> (N, 3, s*h, s*w)."""
        y = (x * self.weights).sum(1, keepdim=True)  # luma without its offset, which cancels below
        rgb = torch.cat([self.enlarge(x[:, c : c + 1]) for c in range(3)], dim=1)
        correction = self.network(y + 16.0 / 255.0) - 16.0 / 255.0 - self.enlarge(y)
        sr: Tensor = rgb + (255.0 / 219.0) * correction
        return sr


def _write(graph: nn.Module, out: Path) -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError(
            "exporting needs onnx, onnxruntime and onnxscript: pip install -e '.[onnx]'"
        ) from None
    out.parent.mkdir(parents=True, exist_ok=True)
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height", "width"))
    torch.onnx.export(
        graph.eval(),
        (torch.rand(2, 3, 24, 20),),
        out,
        input_names=["lr"],
        output_names=["sr"],
        opset_version=_OPSET,
        dynamo=True,
        dynamic_shapes=({0: batch, 2: height, 3: width},),
        external_data=False,
        verbose=False,
    )


def _difference(a: Image, b: Image) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def _picture(height: int, width: int, seed: int) -> Image:
    """Return a picture of ramps and noise."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3)
    return (ramp + rng.normal(0, 20, ramp.shape)).clip(0, 255).astype(np.uint8)

"""How fast is x4 of 120x80? Ours beside naive eager fp32 and onnxruntime, in one run.

    python benchmarks/inference.py [--device cuda]

Weights are random: they change neither the work nor the time. docs/speed.md shows what it printed.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from plain import plain

from sr_models.data.image import Image
from sr_models.inference.export import export_onnx
from sr_models.inference.foreign import open_model_file
from sr_models.inference.torch_upscaler import Dtype, Inference, pick_device, to_images, to_tensor, upscaler
from sr_models.inference.weights_file import Card, save_weights
from sr_models.networks.config import NetworkConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig

REPEATS = 15


def main() -> None:
    """Time everybody, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    device = pick_device(args.device)
    lr = np.random.default_rng(0).integers(0, 256, (80, 120, 3)).astype(np.uint8)
    print(f"120x80 to 480x320, {device}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
          f"fastest of {REPEATS} (others share the machine)\n")  # fmt: skip
    print("| | ms | times naive |\n|---|---:|---:|")
    baseline = None
    for name, function in contestants(lr, str(device)):
        function()
        milliseconds = 1000 * min(timed(function, device) for _ in range(REPEATS))
        baseline = baseline or milliseconds
        print(f"| {name} | {milliseconds:.1f} | {baseline / milliseconds:.2f} |", flush=True)


def contestants(lr: Image, device: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield a name and what is timed: one picture in, one picture out."""
    naive = plain(SrresnetConfig().build()).eval().to(device)
    yield "SRResNet, naive eager fp32", lambda: to_images(naive(to_tensor([lr]).to(device)).detach())
    network = SrresnetConfig().build()
    ensemble = Inference(device=device, self_ensemble=True)
    dtypes: list[Dtype] = ["fp32", "bf16"] if device == "cpu" else ["fp32", "bf16", "fp16"]
    for dtype in dtypes:
        model = upscaler(network, 4, "rgb", Inference(device=device, dtype=dtype))
        yield f"SRResNet, ours {dtype}", lambda model=model: model(lr)
    model = upscaler(network, 4, "rgb", ensemble)
    yield "SRResNet, ours fp32, self-ensemble", lambda: model(lr)
    with tempfile.TemporaryDirectory() as folder:
        yield "SRResNet, onnxruntime fp32 (CPU)", _onnx(SrresnetConfig(), Path(folder), lr)
    others: dict[str, NetworkConfig] = {
        "ESPCN": EspcnConfig(),
        "SRCNN 9-1-5": SrcnnConfig(),
        "SRCNN 9-5-5": SrcnnConfig(kernels=(9, 5, 5)),
    }
    for name, config in others.items():
        luma_model = upscaler(config.build(), 4, "luma", Inference(device=device))
        yield f"{name}, ours fp32, chroma included", lambda model=luma_model: model(lr)


def _onnx(config: NetworkConfig, folder: Path, lr: Image) -> Callable[[], object]:
    save_weights(folder / "w.safetensors", config.build(), Card("bench", config))
    export_onnx(folder / "w.safetensors", folder / "w.onnx")
    model = open_model_file(folder / "w.onnx", 4)
    return lambda: model(lr)


def timed(function: Callable[[], object], device: torch.device) -> float:
    """Seconds, the device's work included."""
    started = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""What one picture costs a model: measured in a process of its own, so that nothing else is counted."""

import copy
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.image import Image
from sr_models.upscaler import LumaUpscaler, Upscaler

OUTPUT = (1280, 720)
"""Width and height of the output that papers on efficient networks count for."""
BUDGET_SECONDS = 10.0
"""Timed repeats end about here; a model that needs longer for one picture is timed once."""
MIN_REPEATS, MAX_REPEATS = 3, 30
_WARM_UP_PX = 32
_SELF_ENSEMBLE = 8  # orientations, one pass of the network each


class Candidate(Protocol):
    """A model that can be measured; it travels to another process, so it is pickled."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def version(self) -> str | None:
        """None: unknown, so that a row is never used again."""

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else's code or file makes it: then no network means unknown, not none."""

    @property
    def device(self) -> str:
        """`auto`, or a name that torch knows."""

    @property
    def dtype(self) -> str:
        """fp32, bf16 or fp16."""

    @property
    def self_ensemble(self) -> bool:
        """Whether it averages over eight orientations."""

    def build(self, scale: int, /) -> Upscaler:
        """Return the model, ready to run as asked."""


@dataclass(frozen=True)
class Cost:
    """What a model needs for one picture, uint8 in to uint8 out."""

    parameters: int | None
    """0 for what is not a network; None where the file does not tell (ONNX, a factory's own class)."""
    flops: int | None
    """Multiplications plus additions of convolutions and matrix products; None: not a torch network."""
    latencies_ms: tuple[float, ...]
    peak_memory_mib: float | None
    """Above what the loaded model holds already; None where the platform does not tell."""


def measure(candidate: Candidate, scale: int) -> Cost:
    """Return what the candidate costs at OUTPUT size; meant for a fresh process."""
    upscaler = candidate.build(scale)
    lr = lr_picture(scale)
    upscaler(np.ascontiguousarray(lr[:_WARM_UP_PX, :_WARM_UP_PX]))
    device = getattr(getattr(upscaler, "inference", None), "device", "cpu")
    first_ms, peak = _with_peak_memory(lambda: _milliseconds(lambda: upscaler(lr)), device)
    latencies = [_milliseconds(lambda: upscaler(lr)) for _ in range(_repeats(first_ms))] or [first_ms]
    network = getattr(upscaler, "network", None)
    channels = 1 if isinstance(upscaler, LumaUpscaler) else 3
    flops = None if network is None else _flops(network, (1, channels, *lr.shape[:2]))
    passes = _SELF_ENSEMBLE if candidate.self_ensemble else 1
    return Cost(
        parameters=_parameters(upscaler, is_foreign=candidate.is_foreign),
        flops=None if flops is None else passes * flops,
        latencies_ms=tuple(latencies),
        peak_memory_mib=peak,
    )


def lr_size(scale: int) -> tuple[int, int]:
    """Return width and height of the LR whose output is at least OUTPUT."""
    return -(-OUTPUT[0] // scale), -(-OUTPUT[1] // scale)


def lr_picture(scale: int) -> Image:
    """Return a photograph of LR size: one of the built-in ones, mirrored until it is large enough."""
    photo = load_sample(open_dataset("sample", scale, "matlab")[-1], "matlab").original
    width, height = lr_size(scale)
    more = (max(0, height - photo.shape[0]), max(0, width - photo.shape[1]))
    tiled = np.pad(photo, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
    return np.ascontiguousarray(tiled[:height, :width])


def quartile_range(values: tuple[float, ...]) -> float | None:
    """Return the distance between the quartiles; None for a single value."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def device_name(device: str) -> str:
    """Return the name of the machine's device, for timings mean nothing without it."""
    import torch

    from sr_models.inference.torch_upscaler import pick_device

    picked = pick_device(device)
    if picked.type == "cuda":
        return str(torch.cuda.get_device_name(picked))
    return f"{_processor()} ({picked.type})"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def _repeats(first_ms: float) -> int:
    if first_ms > 1000 * BUDGET_SECONDS:
        return 0
    return max(MIN_REPEATS, min(MAX_REPEATS, int(1000 * BUDGET_SECONDS / first_ms)))


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def _parameters(upscaler: Any, *, is_foreign: bool) -> int | None:
    network = getattr(upscaler, "network", None)
    if network is None:
        return None if is_foreign else 0
    left = sum(weight.numel() for weight in network.parameters())
    return int(getattr(upscaler, "parameters", None) or left)


def _flops(network: Any, shape: tuple[int, ...]) -> int | None:
    """Count one pass over the whole picture, without tiles, on the meta device: nothing is computed."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        try:
            weightless = copy.deepcopy(network).to("meta")
            dtype = next((weight.dtype for weight in weightless.parameters()), torch.float32)
            weightless(torch.empty(shape, device="meta", dtype=dtype))
        except (RuntimeError, NotImplementedError, TypeError):  # TorchScript, or an operation without a shape
            return None
    return int(counter.get_total_flops())


def _with_peak_memory(call: Callable[[], float], device: str) -> tuple[float, float | None]:
    """Return what call returns, and by how many MiB it raised the peak: allocations on CUDA, RSS on Linux."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        result = call()
        return result, (torch.cuda.max_memory_allocated(device) - before) / 2**20
    reset = Path("/proc/self/clear_refs")
    if device != "cpu" or not reset.exists():
        return call(), None
    reset.write_text("5")  # proc(5): the peak starts anew from what is resident now
    before_kib = _peak_rss_kib()
    result = call()
    return result, (_peak_rss_kib() - before_kib) / 1024


def _peak_rss_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))

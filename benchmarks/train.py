"""How fast is a training step? Ours beside a naive loop, on the same pictures, in one run.

    python benchmarks/train.py PICTURES [--device cuda] [--steps 12]

PICTURES is a folder of JPEG files. Naive: the same SRResNet in default layout and fp32, Adam as it comes, and
a DataLoader that opens a JPEG file for every crop. docs/speed.md shows what it printed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from plain import plain
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from sr_models.inference.torch_upscaler import pick_device
from sr_models.training.crops import gather
from sr_models.training.feed import Feed
from sr_models.training.near_duplicates import UNCHECKED
from sr_models.training.pack import Pack, write_pack
from sr_models.training.recipes import TrainConfig, recipe
from sr_models.training.schedule import Rates
from sr_models.training.state import new_state
from sr_models.training.step import new_stepper, pair
from sr_models.training.train import wants_bf16
from sr_models.training.world import World

WARM_UP = 3
RATES = Rates(lr=1e-4, d_lr=0.0, ema_weight=1e-3, alpha=0.0)
GFLOP_PER_STEP = 122.4  # SRResNet, batch 16 of 96 px crops, forward and backward; counted


class Jpegs(Dataset[tuple[Tensor, Tensor]]):
    """Random 96 px crops, each from a freshly opened file, LR by Pillow."""

    def __init__(self, files: list[Path], count: int) -> None:
        self.files, self.count = files, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(index)
        picture = Image.open(self.files[rng.integers(len(self.files))]).convert("RGB")
        x, y = (int(rng.integers(side - 95)) for side in picture.size)
        hr = picture.crop((x, y, x + 96, y + 96))
        lr = hr.resize((24, 24), Image.Resampling.BICUBIC)
        return tuple(torch.from_numpy(np.array(p)).permute(2, 0, 1).float() / 255 for p in (lr, hr))


def main() -> None:
    """Prepare, time everybody, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=12)
    args = parser.parse_args()
    if not args.pictures.is_dir():
        parser.error(f"{args.pictures}: no such folder")
    device = pick_device(args.device)
    files = [path for path in sorted(args.pictures.rglob("*.jpg")) if min(Image.open(path).size) >= 96]
    config = replace(recipe("srresnet-mse", "paper"), batch=16, crop_px=96)
    threads = torch.get_num_threads()
    print(f"{len(files)} pictures, SRResNet, batch 16 of 96 px unless said, {device}, {threads} threads, "
          f"torch {torch.__version__}, fastest of {args.steps} steps\n")  # fmt: skip
    print("| | ms a step | steps a second | times naive |\n|---|---:|---:|---:|")
    baseline = None
    with tempfile.TemporaryDirectory() as folder:
        pack = write_pack([args.pictures], Path(folder) / "bench.pack", UNCHECKED, quiet=True)
        for name, steps in contestants(config, pack, files, device, args.steps + WARM_UP):
            seconds = [timed(step, device) for step in steps][WARM_UP:]
            fastest = min(seconds)
            baseline = baseline or fastest
            print(
                f"| {name} | {1000 * fastest:.1f} | {1 / fastest:.2f} | {baseline / fastest:.2f} |",
                flush=True,
            )
        data = statistics.median(timed(lambda: data_path(config, pack, device), device) for _ in range(20))
    print(f"\nOur data path alone (gather, orientation, LR): {1000 * data:.2f} ms a batch. "
          f"Arithmetic: {GFLOP_PER_STEP} GFLOP a step.")  # fmt: skip


def contestants(
    config: TrainConfig, pack: Pack, files: list[Path], device: torch.device, steps: int
) -> Iterator[tuple[str, Iterator[Callable[[], None]]]]:
    """Yield a name and its steps, one function call each."""
    yield "naive, files opened in the loop", naive(config, files, device, steps, workers=0)
    yield "naive, two loader processes", naive(config, files, device, steps, workers=2)
    yield "ours, fp32", ours(config, pack, device, steps, bf16=False)
    if wants_bf16("auto", device):
        yield "ours, bf16", ours(config, pack, device, steps, bf16=True)
    for optimiser in ("adam", "muon"):
        smaller = replace(config, batch=8, optimiser=optimiser, frozen_norm=True)
        name = f"ours, {optimiser.title()}, batch 8, norms frozen"
        yield name, ours(smaller, pack, device, steps, bf16=wants_bf16("auto", device))


def naive(
    config: TrainConfig, files: list[Path], device: torch.device, steps: int, workers: int
) -> Iterator[Callable[[], None]]:
    """Yield the steps of a loop as tutorials have it."""
    network = plain(replace(config.network, init="default").build()).to(device).train()
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    batches = iter(DataLoader(Jpegs(files, steps * 16), 16, num_workers=workers))

    def step() -> None:
        lr, hr = next(batches)
        loss = nn.functional.mse_loss(network(lr.to(device)), hr.to(device))
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss.item()

    for _ in range(steps):
        yield step


def ours(
    config: TrainConfig, pack: Pack, device: torch.device, steps: int, *, bf16: bool
) -> Iterator[Callable[[], None]]:
    """Yield the steps of our trainer, data path, average and meters included; on CUDA ten to a call."""
    stepper = new_stepper(new_state(config, device), None, bf16=bf16, world=World())
    feed = Feed(pack, stepper, rows=64, graph=True)
    feed.enter(config.part(0, 0.0))
    feed.load(0, [RATES] * 64)
    for _ in range(20 if device.type == "cuda" else 0):  # until the step is a graph
        feed.step()
    feed.load(20, [RATES] * 64)
    for _ in range(min(steps, 40)):
        yield feed.step


def data_path(config: TrainConfig, pack: Pack, device: torch.device) -> None:
    """Make one batch."""
    if not _CACHE:
        stepper = new_stepper(new_state(config, device), None, bf16=False, world=World())
        _CACHE.append(Feed(pack, stepper, rows=1, graph=False))
        _CACHE[0].enter(config.part(0, 0.0))
        _CACHE[0].load(0, [RATES])
    feed = _CACHE[0]
    pair(feed.stepper, gather(feed.pixels[0], feed.plan[0], config.crop_px))


_CACHE: list[Feed] = []


def timed(function: Callable[[], None], device: torch.device) -> float:
    """Seconds, the device's work included."""
    started = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""The paper's supplementary studies, trained here: depth with and without the long skip, and evolution."""

import io
import timeit
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sr_models.data.errors import InputError
from sr_models.data.image import Image, write_bytes
from sr_models.data.luma import luma, psnr
from sr_models.inference.torch_upscaler import Inference, upscaler
from sr_models.inference.weights_file import load_network
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training.pack import Pack
from sr_models.training.recipes import LearningRate, TrainConfig
from sr_models.training.train import LAST, STATE, TrainOptions, train
from sr_models.training.validation import HeldOut, held_out, validate

_CROP_PX = 64
_TIMED_SIZE = (80, 120)  # LR rows and columns: what becomes 480x320
_TIMED_RUNS = 7


def study_depth(
    pack: Pack, out: Path, *, blocks: Sequence[int], width: int, steps: int, device: str = "auto"
) -> Path:
    """Train SRResNets of every depth with and without the long skip; return the path of depth.csv.

    depth.png lies beside it. Every network sees the same crops for the same number of steps.
    """
    pairs = held_out(pack, 4)
    rows = []
    for long_skip in (True, False):
        for b in blocks:
            network = SrresnetConfig(blocks=b, width=width, long_skip=long_skip, init="passthrough")
            config = _config(f"depth-{b}-{'skip' if long_skip else 'plain'}", network, steps, _crop(pack))
            folder = out / config.name
            train(config, pack, folder, TrainOptions(device=device, validate_every=steps))
            rows.append(
                {
                    "blocks": b,
                    "long_skip": long_skip,
                    "steps": steps,
                    **_measured(folder / LAST, pairs, device),
                }
            )
            write_bytes(out / "depth.csv", pd.DataFrame(rows).to_csv(index=False).encode())
    _draw_depth(pd.DataFrame(rows), out / "depth.png")
    return out / "depth.csv"


def study_evolution(
    pack: Pack, out: Path, *, moments: int, width: int, steps: int, device: str = "auto"
) -> Path:
    """Train SRResNet and show one held-out picture at evenly spaced moments; return evolution.png's path."""
    if not 1 <= moments <= steps:
        raise InputError(f"expected 1 to {steps} moments, got {moments}")
    pairs = held_out(pack, 4)
    one = HeldOut(pairs.hr[:1], pairs.lr[:1])
    shown: list[tuple[str, Image]] = [("LR", one.lr[0].repeat(4, 0).repeat(4, 1))]
    for moment in range(1, moments + 1):
        upto = steps * moment // moments
        config = _config("evolution", SrresnetConfig(width=width, init="passthrough"), upto, _crop(pack))
        resume = out / "run" / STATE if moment > 1 else None
        train(config, pack, out / "run", TrainOptions(device=device, validate_every=upto, resume=resume))
        network, _ = load_network(out / "run" / LAST)
        model = upscaler(network, 4, "rgb", Inference(device=device))
        sr = model(one.lr[0])
        shown.append((f"{upto} steps, {psnr(luma(sr), luma(one.hr[0])):.2f} dB", sr))
    _draw_pictures([*shown, ("HR", one.hr[0])], out / "evolution.png")
    return out / "evolution.png"


def _config(name: str, network: SrresnetConfig, steps: int, crop_px: int) -> TrainConfig:
    """A constant rate, so that a longer run begins as the shorter one did."""
    return TrainConfig(
        name,
        network,
        steps,
        LearningRate(6e-4, warmup_steps=50),
        batch=8,
        crop_px=crop_px,
        frozen_norm=True,
        optimiser="muon",
        ema=0.99,
        best_by="last",
    )


def _crop(pack: Pack) -> int:
    """Return 64 px, or less where the pack's smallest picture is smaller."""
    return min(_CROP_PX, *(min(p.height, p.width) // 4 * 4 for p in pack.pictures))


def _measured(weights: Path, pairs: HeldOut, device: str) -> dict[str, float]:
    network, card = load_network(weights)
    model = upscaler(network, card.network.scale, card.network.colour, Inference(device=device))
    found, _ = validate(model, pairs)
    lr = np.random.default_rng(0).integers(0, 256, (*_TIMED_SIZE, 3)).astype(np.uint8)
    model(lr)
    fastest = min(timeit.repeat(lambda: model(lr), number=1, repeat=_TIMED_RUNS))
    return {"psnr_db": found.psnr_db, "milliseconds": 1000 * fastest}


def _draw_depth(table: pd.DataFrame, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    quality, cost = figure.subplots(1, 2)
    for long_skip, group in table.groupby("long_skip"):
        label = "with the long skip" if long_skip else "without"
        quality.plot(group["blocks"], group["psnr_db"], marker="o", label=label)
        cost.plot(group["blocks"], group["milliseconds"], marker="o", label=label)
    quality.set(xlabel="residual blocks B", ylabel="held-out luma PSNR, dB")
    cost.set(xlabel="residual blocks B", ylabel="ms for 120x80 to 480x320")
    cost.set_ylim(bottom=0)
    quality.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, format="png")
    write_bytes(path, buffer.getvalue())


def _draw_pictures(shown: Sequence[tuple[str, Image]], path: Path) -> None:
    from matplotlib.figure import Figure

    columns = min(5, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.7 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (title, image) in zip(figure.axes, shown, strict=False):
        axes.imshow(image, interpolation="nearest")
        axes.set_title(title, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, format="png")
    write_bytes(path, buffer.getvalue())

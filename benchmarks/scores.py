"""How fast are PSNR and SSIM? Ours beside scikit-image, torchmetrics and piq, on the same files, in one run.

    pip install torchmetrics
    SRMOS_DATA=... python benchmarks/scores.py

First upscales Set5, Set14 and BSD100 by nearest and bicubic (not timed), then times what a table of two
models costs, decoding included: one process with one thread, unless said. docs/speed.md shows the output.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from skimage import io
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.metric import METRICS
from bench.protocols.presets import protocol
from bench.running.request import Request
from bench.running.run import run
from sr_models.data.image import read_image
from sr_models.data.resize import imresize

MODELS = ("nearest", "bicubic")
REPEATS = 3
POOL = ProcessPoolExecutor(2)
Pairs = list[tuple[Path, list[Path]]]


def main() -> None:
    """Prepare, time everybody, print."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        request = Request(Path(folder), datasets=("Set5", "Set14", "BSD100"), models=MODELS)
        run(request)
        images = Path(folder) / "images"
        pairs = [
            (path, [images / model / path.relative_to(images / "hr") for model in MODELS])
            for path in sorted((images / "hr").rglob("*.png"))
        ]
        print(f"{len(pairs)} pictures x {len(MODELS)} models, {platform.machine()}, median of {REPEATS}\n")
        print(
            "| | seconds | ms a pair | times ours | mean PSNR | mean SSIM |\n|---|---:|---:|---:|---:|---:|"
        )
        ours = None
        for name, score in PEERS.items():
            seconds, means = timed(partial(score, pairs))
            ours = ours or seconds
            each = 1000 * seconds / (len(pairs) * len(MODELS))
            relative = f"{seconds / ours:.1f}"
            print(f"| {name} | {seconds:.2f} | {each:.1f} | {relative} | {means[0]:.3f} | {means[1]:.4f} |")
    picture = np.random.default_rng(0).integers(0, 256, (320, 480, 3)).astype(np.uint8)
    imresize(picture, 1 / 4)
    samples = [timed_once(lambda: imresize(picture, 1 / 4)) for _ in range(200)]
    print(f"\nimresize 480x320 -> 120x80, RGB: {1000 * statistics.median(samples):.2f} ms (median of 200)")


def timed(function: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Median seconds over the repeats, and what came out."""
    result = function()  # warm-up
    return statistics.median(timed_once(function) for _ in range(REPEATS)), result


def timed_once(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def srmos(pairs: Pairs) -> np.ndarray:
    """The default protocol, HR decoded and converted once."""
    return np.mean([values for pair in pairs for values in one_picture(pair)], axis=0)


def srmos_processes(pairs: Pairs) -> np.ndarray:
    """The same in two processes, as `bench run --jobs 2` works, started before the clock."""
    return np.mean([values for each in POOL.map(one_picture, pairs) for values in each], axis=0)


def one_picture(pair: tuple[Path, list[Path]]) -> list[tuple[float, float]]:
    """PSNR and SSIM of every model on one picture."""
    preset = protocol("matlab")
    hr = preset.view(read_image(pair[0]), scale=4, is_grey=False)
    views = (preset.view(read_image(path), scale=4, is_grey=False) for path in pair[1])
    return [(METRICS["psnr"](sr, hr), METRICS["ssim"](sr, hr)) for sr in views]


def scikit_image(pairs: Pairs) -> np.ndarray:
    """The plain loop most scripts have, with the options that make SSIM the published one."""
    values = []
    for hr_path, sr_paths in pairs:
        for sr_path in sr_paths:
            sr, hr = (luma_of(path) for path in (sr_path, hr_path))
            ssim = structural_similarity(
                sr, hr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
            values.append((peak_signal_noise_ratio(hr, sr, data_range=255), ssim))
    return np.mean(values, axis=0)


def luma_of(path: Path) -> np.ndarray:
    """Luma by scikit-image, grey files replicated, 4 px cropped."""
    image = io.imread(path)
    if image.ndim == 2:
        image = np.stack([image] * 3, axis=2)
    return rgb2ycbcr(image)[4:-4, 4:-4, 0]


def tensors(pairs: Pairs):
    """Luma tensors for the torch libraries, HR converted once, in their range."""
    for hr_path, sr_paths in pairs:
        hr = torch.from_numpy(luma_of(hr_path)).float()[None, None]
        for sr_path in sr_paths:
            yield torch.from_numpy(luma_of(sr_path)).float()[None, None], hr


def torchmetrics(pairs: Pairs) -> np.ndarray:
    """The functional forms of torchmetrics."""
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio as psnr,
    )
    from torchmetrics.functional.image import (
        structural_similarity_index_measure as ssim,
    )

    return np.mean(
        [
            (psnr(sr, hr, data_range=255.0).item(), ssim(sr, hr, data_range=255.0).item())
            for sr, hr in tensors(pairs)
        ],
        axis=0,
    )


def piq(pairs: Pairs) -> np.ndarray:
    """The functions of piq, downsampling off."""
    from piq import psnr, ssim

    return np.mean(
        [
            (psnr(sr, hr, data_range=255.0).item(), ssim(sr, hr, data_range=255.0, downsample=False).item())
            for sr, hr in tensors(pairs)
        ],
        axis=0,
    )


PEERS = {
    "srmos": srmos,
    "srmos, 2 processes": srmos_processes,
    "scikit-image": scikit_image,
    "torchmetrics": torchmetrics,
    "piq": piq,
}

if __name__ == "__main__":
    main()

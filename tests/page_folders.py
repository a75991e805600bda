"""Results folders for the tests of `bench page`, made without running a model."""

import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image as PillowImage

from bench.store.header import Header, Invocation, ModelFacts, write_header
from bench.store.rows import Score
from bench.store.table import scores_table
from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.image import Image

Values = Mapping[str, list[float | None]]
"""Model -> its values, one a picture; None: not scored."""


def write_scores(
    folder: Path,
    values: Mapping[str, Values],
    *,
    dataset: str = "mine",
    images: list[str] | None = None,
    protocol: str = "rgb",
    lr: str = "matlab",
) -> Path:
    """Add rows to scores.csv, metric -> model -> values, and write a run.json; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    table = scores_table(folder)
    for metric, of_models in values.items():
        for model, column in of_models.items():
            names = images or [f"img_{n:03d}" for n in range(1, len(column) + 1)]
            rows = zip(names, column, strict=True)
            table.add(
                Score(model, "", dataset, 4, lr, name, protocol, metric, value, "", "0" * 12)
                for name, value in rows
                if value is not None
            )
    table.merge()
    models = sorted({row.model for row in table})
    write_header(folder, Header([INVOCATION], {name: ModelFacts(name) for name in models}))
    return folder


INVOCATION = msgspec.convert(
    {
        "command": ["bench", "run", "--datasets", "mine=my pictures"],
        "started": "2026-01-01T00:00:00Z",
        "seconds": 1.5,
        "commit": "0123456789ab",
        "versions": {"srmos": "0.1.0", "torch": "2.15.0"},
        "device": {"kind": "cpu", "machine": "x86_64", "cores": 2},
        "dtype": "fp32",
        "scores": {"computed": 6},
        "failures": [],
    },
    Invocation,
)


def save_picture(folder: Path, model: str, image: str, pixels: Image, dataset: str = "mine") -> Path:
    """Write a picture where a run would; return the file."""
    path = folder / "images" / model / dataset / "x4" / f"{image}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path, compress_level=1)
    return path


def many(folder: Path, pictures: int, models: int) -> Path:
    """Write a folder of many small photographs (parts of the built-in ones, 240x160); return the folder.

    The models' files are links to the original's: the page does not look into them until they are shown.
    """
    rng = np.random.default_rng(0)
    names = [f"img_{n:03d}" for n in range(1, pictures + 1)]
    labels = [f"model-{n}" for n in range(1, models + 1)]
    values = {
        "psnr": {name: rng.normal(28 + n, 3, pictures).tolist() for n, name in enumerate(labels)},
        "ssim": {name: rng.uniform(0.6, 0.95, pictures).tolist() for name in labels},
    }
    write_scores(folder, values, dataset="many", images=names)
    photographs = [load_sample(each, "matlab").hr for each in open_dataset("sample", 4, "matlab")]
    for image in names:
        photograph = photographs[rng.integers(len(photographs))]
        height, width = photograph.shape[:2]
        top, left = int(rng.integers(height - 160)), int(rng.integers(width - 240))
        original = save_picture(folder, "hr", image, photograph[top : top + 160, left : left + 240], "many")
        for model in labels:
            path = folder / "images" / model / "many" / "x4" / original.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(original)
    return folder


def write_profile(folder: Path) -> None:
    """Write a profile.csv of one network and of bicubic, which has no layers to count."""
    head = (
        "model,scale,output,device,dtype,threads,parameters,macs,flops,"
        "latency_ms,latency_iqr_ms,peak_memory_mib,key"
    )
    rows = [
        [
            "alpha",
            4,
            "1280x720",
            "cpu",
            "fp32",
            1,
            22000,
            1_270_000_000,
            2_540_000_000,
            81.25,
            2.5,
            120.0,
            "0" * 12,
        ],
        ["bicubic", 4, "1280x720", "cpu", "fp32", 1, 0, "", "", 8.5, "", "", "0" * 12],
    ]
    with (folder / "profile.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head.split(","))
        writer.writerows(rows)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return once the condition holds. The page's policy forbids the browser to poll for us."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the page never got there")
        time.sleep(0.02)

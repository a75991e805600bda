"""What most people write: nearest and bicubic over three sets with scikit-image and Pillow, one file.

    SRMOS_DATA=... python benchmarks/plain_run.py OUT

Decodes HR, makes LR, upscales, saves each picture and HR as PNG, scores luma, writes scores.csv and prints
the means. Pillow's bicubic is not MATLAB's, so the numbers differ; the work is the same.
"""

import csv
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

SCALE = 4
FILTERS = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}


def main() -> None:
    """Do everything, picture by picture."""
    data, out = Path(os.environ["SRMOS_DATA"]), Path(sys.argv[1])
    rows = []
    for dataset in ("Set5", "Set14", "BSD100"):
        for path in sorted((data / dataset / "x4").glob("*HR*.png")):
            hr = Image.open(path).convert("RGB")
            width, height = (side - side % SCALE for side in hr.size)
            hr = hr.crop((0, 0, width, height))
            lr = hr.resize((width // SCALE, height // SCALE), Image.Resampling.BICUBIC)
            save(hr, out / "hr" / dataset / path.name)
            for model, kind in FILTERS.items():
                sr = lr.resize(hr.size, kind)
                save(sr, out / model / dataset / path.name)
                rows.append((model, dataset, path.stem, *scores(luma(sr), luma(hr))))
    with (out / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    for model in FILTERS:
        print(model, *np.mean([row[3:] for row in rows if row[0] == model], axis=0))


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG with Pillow's defaults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def luma(image: Image.Image) -> np.ndarray:
    """Luma without the border."""
    return rgb2ycbcr(np.asarray(image))[SCALE:-SCALE, SCALE:-SCALE, 0]


def scores(sr: np.ndarray, hr: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM with the options that make SSIM the published one."""
    ssim = structural_similarity(
        sr, hr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return peak_signal_noise_ratio(hr, sr, data_range=255), ssim


if __name__ == "__main__":
    main()

"""What does the perceptual set cost? Ours beside piq called picture by picture and metric by metric.

    SRMOS_DATA=... python benchmarks/perceptual.py --log times.csv [--metrics lpips dists] [--pictures bird]

Set5 x4, eight versions of each picture (mixtures of bicubic and HR). The networks get seeded random
parameters: what they compute is not sense, but it takes the time that the real ones take. piq's objects are
built once and called for each pair, as its documentation shows. Decoding is not timed. With --log, rows are
appended and the table is made of all of them, so that a long run can be done in pieces.
"""

import argparse
import csv
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import piq
import torch
from piq.feature_extractors import clip as piq_clip
from piq.perceptual import ContentLoss
from torchvision.models import alexnet, vgg

from bench.metric import METRICS, PictureMetric
from bench.perceptual.scene import Scene
from bench.perceptual.weights import obtain
from sr_models.data.dataset import load_sample, only, open_dataset
from sr_models.data.resize import imresize

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from metric_weights import make

VERSIONS = 8
Pair = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def main() -> None:
    """Time what was asked for, then print all that the log has."""
    args = arguments()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        weights = make(Path(folder), clip_layers=(3, 4, 6, 3), clip_width=64, clip_text=512)
        naive = peers(weights)
        pictures = only(open_dataset("Set5", 4, "matlab"), args.pictures or [])
        scenes = {each.name: scene(each) for each in pictures or open_dataset("Set5", 4, "matlab")}
        for name in args.metrics or naive:
            warm_up(name, naive[name], weights)
            for picture, whole in scenes.items():
                by_pairs(naive[name], replace(whole, images=whole.images[:1]))  # torch prepares for the size
                row = (name, picture, *seconds(partial(by_pairs, naive[name], whole)))
                row += seconds(partial(together, name, whole, weights))
                with args.log.open("a", newline="") as file:
                    csv.writer(file).writerow(row)
    show(args.log)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", nargs="+")
    parser.add_argument("--pictures", nargs="+")
    parser.add_argument("--log", type=Path, required=True)
    return parser.parse_args()


def scene(picture) -> Scene:
    """Eight versions of a picture, from bicubic almost to HR."""
    sample = load_sample(picture, "matlab")
    bicubic = imresize(sample.lr, 4)
    images = tuple(
        np.round(bicubic + (sample.hr - bicubic.astype(float)) * n / VERSIONS).astype(np.uint8)
        for n in range(VERSIONS)
    )
    return Scene(images, sample.hr, sample.lr, 4, 4, "matlab", torch.device("cpu"))


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds and CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return round(time.perf_counter() - wall, 3), round(time.process_time() - cpu, 3)


def by_pairs(function: Pair, whole: Scene) -> list[float]:
    """piq, one pair at a time."""
    hr = tensor(whole.cropped(whole.hr_image))
    return [float(function(tensor(whole.cropped(image)), hr)) for image in whole.images]


def together(name: str, whole: Scene, weights: Path) -> list[float]:
    """Ours: all versions at once, tensors made anew."""
    metric = METRICS[name]
    assert isinstance(metric, PictureMetric)
    fresh = Scene(whole.images, whole.hr_image, whole.lr_image, 4, 4, "matlab", whole.device)
    paths = tuple(weights / file for file in metric.weights)
    with torch.inference_mode():
        return [float(value) for value in metric.function(fresh, *paths)]


def warm_up(name: str, function: Pair, weights: Path) -> None:
    """Load the networks and agree on a value."""
    whole = load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").hr
    picture = whole[:280, :280]  # over 256 pixels, so that a metric's own shrinking shows
    noise = np.random.default_rng(0).normal(0, 10, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    small = Scene((noisy,), picture, picture, 4, 4, "matlab", torch.device("cpu"))
    metric = METRICS[name]
    assert isinstance(metric, PictureMetric)
    obtain(metric, weights)
    np.testing.assert_allclose(
        by_pairs(function, small), together(name, small, weights), rtol=1e-5, atol=1e-5
    )


def tensor(image: np.ndarray) -> torch.Tensor:
    """(1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def peers(weights: Path) -> dict[str, Pair]:
    """The functions and objects of piq, with our parameters in place of its downloads."""

    def load(url: str, **_: object) -> object:
        name = url.rpartition("/")[2].replace("lpips_weights.pt", "lpips_lin_v0.1_vgg.pth")
        found = torch.load(weights / name, weights_only=True)
        return list(found.values()) if name.startswith("lpips") else found

    def vgg16(**_: object) -> torch.nn.Module:
        return network(vgg.make_layers(vgg.cfgs["D"], batch_norm=False), weights / "vgg16-397923af.pth")

    torch.hub.load_state_dict_from_url = load
    sys.modules["piq.perceptual"].vgg16 = vgg16
    sys.modules["piq.brisque"].load_url = load
    clip_state = torch.load(weights / "RN50.pt", weights_only=True)
    piq_clip.load = lambda: piq_clip.build_model(clip_state).float()
    sys.modules["piq.clip_iqa"].download_tensor = lambda *_: torch.load(weights / "clipiqa_tokens.pt")
    alex = network(alexnet(weights=None).features, weights / "alexnet-owt-7be5be79.pth").features
    heads = list(torch.load(weights / "lpips_lin_v0.1_alex.pth", weights_only=True).values())
    taps = ["1", "4", "7", "9", "11"]
    clip_iqa, dists = piq.CLIPIQA(), piq.DISTS()
    return {
        "lpips": ContentLoss(alex, layers=taps, weights=heads, normalize_features=True),
        "lpips_vgg": piq.LPIPS(),
        "dists": lambda sr, hr: 1 - ContentLoss.forward(dists, sr, hr),  # at full size, as ours
        "dists_256": dists,
        "pieapp": piq.PieAPP(),
        "clip_iqa": lambda sr, _: clip_iqa(sr),
        "brisque": lambda sr, _: piq.brisque(sr),
        "vif": piq.vif_p,
        "fsim": piq.fsim,
        "gmsd": piq.gmsd,
        "haarpsi": piq.haarpsi,
        "mdsi": piq.mdsi,
        "ms_ssim": piq.multi_scale_ssim,
        "tv": lambda sr, _: piq.total_variation(sr, norm_type="l1") / (sr.shape[2] * sr.shape[3]),
    }


def network(layers: torch.nn.Module, file: Path) -> torch.nn.Module:
    """A torchvision network as far as piq looks at it."""
    state = torch.load(file, weights_only=True)
    layers.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    whole = torch.nn.Module()
    whole.features = layers
    return whole


def show(log: Path) -> None:
    """Print one line a metric, and the whole set."""
    sums: dict[str, np.ndarray] = {}
    pictures = set()
    with log.open(newline="") as file:
        for name, picture, *numbers in csv.reader(file):
            pictures.add(picture)
            sums[name] = sums.get(name, np.zeros(4)) + np.array(numbers, float)
    where = f"{torch.get_num_threads()} threads, {platform.machine()}"
    libraries = f"torch {version('torch')}, piq {version('piq')}"
    print(f"{len(pictures)} pictures x {VERSIONS} models, {where}, {libraries}\n")
    print("| metric | piq, by pairs (s) | srmos (s) | times faster | CPU seconds, piq | srmos | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, row in {**sums, "all": sum(sums.values())}.items():
        wall, cpu, our_wall, our_cpu = row
        print(f"| {name} | {wall:.2f} | {our_wall:.2f} | {wall / our_wall:.1f} "
              f"| {cpu:.2f} | {our_cpu:.2f} | {cpu / our_cpu:.1f} |")  # fmt: skip


if __name__ == "__main__":
    main()

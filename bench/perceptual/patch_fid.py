"""Patch FID of a run's saved pictures: one number for a model and a set, by torch-fidelity's Inception."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

from torch import Tensor, from_numpy
from torch.utils.data import Dataset

from bench.metric import as_number
from bench.perceptual.weights import Unavailable, found_or_downloaded, weight_files
from bench.store.rows import Place, method_name
from bench.store.table import pictures_table
from sr_models.data.errors import InputError
from sr_models.data.image import read_image

_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"


@dataclass(frozen=True)
class PatchFid:
    """The distance of a model's patches from the originals' on one set; lower is better."""

    model: str
    dataset: str
    scale: int
    lr: str
    value: float
    patches: int
    signature: str


@dataclass(frozen=True)
class Patches(Dataset[Tensor]):
    """Whole squares of pictures, side by side from the top left, as a dataset of uint8 (3, side, side)."""

    files: tuple[Path, ...]
    side: int
    where: tuple[tuple[int, int, int], ...]
    """(file, top, left) of each."""

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, index: int) -> Tensor:
        file, top, left = self.where[index]
        patch = read_image(self.files[file])[top : top + self.side, left : left + self.side]
        return from_numpy(patch.copy()).permute(2, 0, 1)


def patches_of(files: Sequence[Path], side: int) -> Patches:
    """Return the patches of some pictures; what is left over at the right and bottom is left out."""
    where = []
    for number, path in enumerate(files):
        height, width = read_image(path).shape[:2]
        where += [
            (number, top, left)
            for top in range(0, height - side + 1, side)
            for left in range(0, width - side + 1, side)
        ]
    return Patches(tuple(files), side, tuple(where))


def patch_fids(
    folder: Path, *, side: int = 128, weights_dir: Path | None = None, device: str = "auto"
) -> Iterator[PatchFid]:
    """Yield a number for each model, set, scale and LR of a results folder that has originals.

    Raises InputError where there is nothing to compare, Unavailable without torch-fidelity or its network.
    """
    if side < 8:
        raise InputError(f"patch: expected a whole number of pixels from 8, got {side}")
    groups = list(_groups(folder))
    if not groups:
        raise InputError(f"{folder} has no pictures beside originals: FID compares with originals")
    fidelity = _version()
    network = found_or_downloaded("patch FID", weight_files()[_WEIGHTS], weights_dir)
    for place, theirs, originals in groups:
        ours, hr = patches_of(theirs, side), patches_of(originals, side)
        if len(ours) < 2:
            raise InputError(
                f"{place.dataset}: {len(ours)} patches of {side}x{side} pixels, expected at least 2: "
                "take smaller ones (--patch)"
            )
        signature = (
            f"patch_fid|RGB|u8|{side}x{side}, no overlap|patches:{len(ours)}|inception-v3-compat:2048"
            f"|torch-fidelity:{fidelity}|srmos:{version('srmos')}"
        )
        value = _distance(ours, hr, network, device)
        model = method_name(place.model, place.variant)
        yield PatchFid(model, place.dataset, place.scale, place.lr, value, len(ours), signature)


def _groups(folder: Path) -> Iterator[tuple[Place, list[Path], list[Path]]]:
    """A model's pictures of a set and their originals, in one order."""
    places = [row.place for row in pictures_table(folder)]
    known = set(places)

    def of_set(place: Place) -> tuple[str, str, str, int, str]:
        return place.model, place.variant, place.dataset, place.scale, place.lr

    for _, group in groupby(sorted(places, key=of_set), of_set):
        pairs = [(place, place.original) for place in group if place.model != "hr"]
        pairs = [(place, original) for place, original in pairs if original in known]
        if pairs:
            ours, theirs = (
                [folder / "images" / each.path for each in side] for side in zip(*pairs, strict=True)
            )
            yield pairs[0][0], ours, theirs


def _version() -> str:
    try:
        return version("torch-fidelity")
    except PackageNotFoundError:
        raise Unavailable("patch FID needs torch-fidelity: pip install -e '.[fid]'") from None


def _distance(ours: Patches, hr: Patches, network: Path, device: str) -> float:
    from torch_fidelity import calculate_metrics

    from sr_models.inference.torch_upscaler import pick_device

    found = calculate_metrics(
        input1=ours,
        input2=hr,
        fid=True,
        cuda=pick_device(device).type == "cuda",
        batch_size=32,
        save_cpu_ram=True,
        verbose=False,
        cache=False,
        feature_extractor_weights_path=str(network),
    )
    return as_number(found["frechet_inception_distance"])

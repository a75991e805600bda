"""A comparison grid: one picture of a run, and the same crop of it from every method, with scores."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.figures.crop import Crop, read_crop
from bench.metric import METRICS
from bench.palette import model_order
from bench.protocols.presets import PROTOCOLS
from bench.store.table import Score, pictures_table, scores_table
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import Image, read_image
from sr_models.data.manifest import common_names


@dataclass(frozen=True)
class GridRequest:
    """Which picture and which methods; what is empty is chosen."""

    results: Path
    image: str
    """Id or common name."""
    dataset: str = ""
    models: tuple[str, ...] = ()
    crop: str = ""
    """x,y,w,h in pixels of the saved HR picture; w,h or nothing: the most telling place."""
    protocol: str = ""
    metrics: tuple[str, ...] = ()
    scale: int | None = None
    lr: str = ""


@dataclass(frozen=True)
class Panel:
    """One method's crop."""

    model: str
    pixels: Image
    scores: tuple[str, ...]
    """Of the whole picture, as printed; empty for the original."""
    best: tuple[bool, ...]
    """For each score, whether no other panel's is better, by the printed digits."""


@dataclass(frozen=True)
class Grid:
    """What a comparison grid shows."""

    dataset: str
    name: str
    """Common name of the picture, or its id."""
    scale: int
    protocol: str
    metrics: tuple[str, ...]
    hr: Image
    crop: Crop
    panels: tuple[Panel, ...]
    """In the paper's order, the original last."""

    @property
    def note(self) -> str:
        """What the numbers below the crops are."""
        crop = f"Crop: {self.crop.width}x{self.crop.height} px at {self.crop.x},{self.crop.y}"
        if not self.metrics:
            return f"{crop}."
        headings = " / ".join(METRICS[metric].heading for metric in self.metrics)
        return f"{headings} of the whole picture, protocol {self.protocol}. {crop}."


@dataclass(frozen=True)
class _Place:
    dataset: str
    scale: int
    image: str

    def file(self, folder: Path, model: str) -> Path:
        return folder / "images" / model / self.dataset / f"x{self.scale}" / f"{self.image}.png"


def make_grid(request: GridRequest) -> Grid:
    """Return the grid of one picture of a finished run; raises InputError for what is not there."""
    saved = _saved(request.results)
    place = _find(request, saved)
    models = _models(request.models, saved[place])
    hr = read_image(place.file(request.results, "hr"))
    srs = {model: read_image(place.file(request.results, model)) for model in models}
    crop = read_crop(request.crop, hr, list(srs.values()), margin=2 * place.scale)
    protocol, metrics, values = _scores(request, place)
    printed = {
        model: tuple(_printed(values.get((model, metric)), metric) for metric in metrics) for model in models
    }
    best = [_best(metric, [values.get((model, metric)) for model in models]) for metric in metrics]
    panels = [
        Panel(
            model,
            crop.of(sr),
            printed[model],
            tuple(text == top for text, top in zip(printed[model], best, strict=True)),
        )
        for model, sr in srs.items()
    ]
    panels.append(Panel("hr", crop.of(hr), (), ()))
    return Grid(place.dataset, _name(place), place.scale, protocol, metrics, hr, crop, tuple(panels))


def _saved(folder: Path) -> dict[_Place, set[str]]:
    """Picture -> models with a saved picture of it, `hr` left out."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of a `bench run`")
    found: dict[_Place, set[str]] = {}
    for row in pictures_table(folder):
        model, dataset, scale, file = row.path.split("/")
        models = found.setdefault(_Place(dataset, int(scale[1:]), file.removesuffix(".png")), set())
        models |= {model} - {"hr"}
    if not found:
        raise InputError(f"{folder} holds no images/: make them with `bench run --results {folder}`")
    return found


def _find(request: GridRequest, saved: Collection[_Place]) -> _Place:
    places = [place for place in saved if request.scale in (None, place.scale)]
    if not places:
        scales = " ".join(f"x{scale}" for scale in sorted({place.scale for place in saved}))
        raise InputError(f"this run has no pictures at x{request.scale}, only at {scales}")
    datasets = {place.dataset for place in places}
    if request.dataset and request.dataset not in datasets:
        raise UnknownNameError("dataset in this run", request.dataset, datasets)
    places = [place for place in places if request.dataset in ("", place.dataset)]
    names = {
        place: {place.image, common_names(place.dataset).get(place.image, place.image)} for place in places
    }
    found = [place for place in places if request.image in names[place]]
    if not found:
        raise UnknownNameError("picture in this run", request.image, set().union(*names.values()))
    if len(found) > 1:
        where = ", ".join(sorted(f"{place.dataset} x{place.scale}" for place in found))
        raise InputError(f"{request.image} is in {where}: say which with --dataset or --scale")
    return found[0]


def _name(place: _Place) -> str:
    return common_names(place.dataset).get(place.image, place.image)


def _models(asked: tuple[str, ...], known: set[str]) -> list[str]:
    for name in asked:
        if name not in known | {"hr"}:
            raise UnknownNameError("model with this picture", name, known)
    models = sorted(set(asked) - {"hr"} or known, key=model_order)
    if not models:
        raise InputError("no model of this run has this picture: run some with --models")
    return models


def _scores(
    request: GridRequest, place: _Place
) -> tuple[str, tuple[str, ...], Mapping[tuple[str, str], float]]:
    """The protocol, the metrics, and (model, metric) -> value for one picture."""
    rows = [
        row
        for row in scores_table(request.results)
        if (row.dataset, row.scale, row.image) == (place.dataset, place.scale, place.image)
    ]
    rows = _of_one_lr(rows, request.lr)
    protocols = [name for name in PROTOCOLS if any(row.protocol == name for row in rows)]
    chosen = request.protocol or next(iter(protocols), "")
    if chosen and chosen not in protocols:
        raise UnknownNameError("protocol in this run", chosen, protocols)
    rows = [row for row in rows if row.protocol == chosen]
    measured = {row.metric for row in rows}
    for name in request.metrics:
        if name not in measured:
            raise UnknownNameError("metric of this picture", name, measured)
    metrics = request.metrics or tuple(name for name in ("psnr", "ssim") if name in measured)
    return chosen, metrics, {(row.model, row.metric): row.value for row in rows}


def _of_one_lr(rows: list[Score], asked: str) -> list[Score]:
    known = sorted({row.lr for row in rows})
    if asked and asked not in known:
        raise UnknownNameError("LR in this run", asked, known)
    if not asked and len(known) > 1:
        raise InputError(f"this picture has scores from several LR ({', '.join(known)}): say which with --lr")
    return [row for row in rows if asked in ("", row.lr)]


def _printed(value: float | None, metric: str) -> str:
    if value is None:
        return "n/a"
    return "inf" if math.isinf(value) else f"{value:.{METRICS[metric].digits}f}"


def _best(metric: str, values: list[float | None]) -> str:
    """The best value as printed; nothing where only one was scored."""
    known = [value for value in values if value is not None]
    return _printed(min(known, key=METRICS[metric].badness), metric) if len(known) > 1 else ""

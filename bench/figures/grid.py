"""A comparison grid: one picture of a run, and the same crop of it from every method, with scores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures.crop import Crop, read_crop
from bench.metric import METRICS, metric_names
from bench.palette import model_order
from bench.protocols.presets import PROTOCOLS
from bench.store.rows import Place, hr_variant, method_name
from bench.store.table import check_folder, pictures_table, scores_table
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
    """x,y,w,h in pixels of the saved HR picture; w,h or nothing: where methods differ most."""
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
    lr: str
    protocol: str
    metrics: tuple[str, ...]
    hr: Image
    """What is shown whole: the original, or the first method's picture where there is none."""
    crop: Crop
    panels: tuple[Panel, ...]
    """In the paper's order, the original, if there is one, last."""

    @property
    def note(self) -> str:
        """What the numbers below the crops are."""
        crop = f"Crop: {self.crop.width}x{self.crop.height} px at {self.crop.x},{self.crop.y}"
        if not self.metrics:
            return f"{crop}."
        headings = " / ".join(METRICS[metric].heading for metric in self.metrics)
        return f"{headings} of the whole picture, protocol {self.protocol}. {crop}."


@dataclass(frozen=True)
class _Picture:
    """One picture of a run, and which LR its versions were made from."""

    dataset: str
    scale: int
    lr: str
    image: str

    @property
    def name(self) -> str:
        return common_names(self.dataset).get(self.image, self.image)

    def is_of_set(self, other: "_Picture") -> bool:
        """Whether both belong to one set at one scale from one LR."""
        return (self.dataset, self.scale, self.lr) == (other.dataset, other.scale, other.lr)

    def file(self, folder: Path, method: str) -> Path:
        model, _, variant = method.partition("@")
        place = Place(model, variant, self.dataset, self.scale, self.lr, self.image)
        return folder / "images" / place.path


def make_grid(request: GridRequest) -> Grid:
    """Return the grid of one picture of a finished run; raises InputError for what is not there."""
    saved = _saved(request.results)
    picture = _find(request, saved)
    models = _models(request.models, saved[picture])
    srs = {model: read_image(picture.file(request.results, model)) for model in models}
    has_originals = any(
        _is_original(name) for each in saved if each.is_of_set(picture) for name in saved[each]
    )
    original = _original(saved[picture], models) if has_originals else models[0]
    hr = read_image(picture.file(request.results, original))
    _check_sizes(srs, hr)
    crop = read_crop(request.crop, hr, list(srs.values()), margin=2 * picture.scale)
    protocol, metrics, values = _scores(request, picture)
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
    if has_originals:
        panels.append(Panel("hr", crop.of(hr), (), ()))
    which = (picture.dataset, picture.name, picture.scale, picture.lr)
    return Grid(*which, protocol, metrics, hr, crop, tuple(panels))


def _saved(folder: Path) -> dict[_Picture, set[str]]:
    """Picture -> methods with a saved version of it, the originals among them."""
    check_folder(folder)
    found: dict[_Picture, set[str]] = {}
    for row in pictures_table(folder):
        place = row.place
        picture = _Picture(place.dataset, place.scale, place.lr, place.image)
        found.setdefault(picture, set()).add(method_name(place.model, place.variant))
    if not found:
        raise InputError(f"{folder} holds no images/: make them with `bench run --results {folder}`")
    return found


def _find(request: GridRequest, saved: Collection[_Picture]) -> _Picture:
    pictures = [picture for picture in saved if request.scale in (None, picture.scale)]
    if not pictures:
        scales = " ".join(f"x{scale}" for scale in sorted({picture.scale for picture in saved}))
        raise InputError(f"this run has no pictures at x{request.scale}, only at {scales}")
    for kind, asked, known in (
        ("dataset", request.dataset, {picture.dataset for picture in pictures}),
        ("LR", request.lr, {picture.lr for picture in pictures}),
    ):
        if asked and asked not in known:
            raise UnknownNameError(f"{kind} in this run", asked, known)
    pictures = [
        picture
        for picture in pictures
        if request.dataset in ("", picture.dataset) and request.lr in ("", picture.lr)
    ]
    found = [picture for picture in pictures if request.image in (picture.image, picture.name)]
    if not found:
        names = {name for picture in pictures for name in (picture.image, picture.name)}
        raise UnknownNameError("picture in this run", request.image, names)
    if len(found) > 1:
        where = ", ".join(sorted(f"{each.dataset} x{each.scale} from LR {each.lr}" for each in found))
        raise InputError(f"{request.image} is in {where}: say which with --dataset, --scale or --lr")
    return found[0]


def _original(known: set[str], models: Sequence[str]) -> str:
    """The original that the models' pictures belong to: HR may be cropped or read in several ways."""
    variants = {hr_variant(_variant(each)) for each in models}
    if len(variants) > 1:
        raise InputError("these models' HR was cropped or read in different ways: name models of one kind")
    original = method_name("hr", variants.pop())
    if original not in known:
        raise InputError("the original of this picture is missing: run any model on it again")
    return original


def _is_original(method: str) -> bool:
    return method.partition("@")[0] == "hr"


def _variant(method: str) -> str:
    return method.partition("@")[2]


def _check_sizes(srs: Mapping[str, Image], hr: Image) -> None:
    for model, sr in srs.items():
        if sr.shape != hr.shape:
            raise InputError(
                f"{model}: expected a picture of {hr.shape[1]}x{hr.shape[0]}, got {sr.shape[1]}x{sr.shape[0]}"
            )


def _models(asked: tuple[str, ...], known: set[str]) -> list[str]:
    scored = {name for name in known if not _is_original(name)}
    for name in asked:
        if name not in scored | {"hr"}:
            raise UnknownNameError("model with this picture", name, scored)
    models = sorted(set(asked) - {"hr"} or scored, key=model_order)
    if not models:
        raise InputError("no model of this run has this picture: run some with --models")
    return models


def _scores(
    request: GridRequest, picture: _Picture
) -> tuple[str, tuple[str, ...], Mapping[tuple[str, str], float]]:
    """The protocol, the metrics, and (model, metric) -> value for one picture."""
    rows = [
        row
        for row in scores_table(request.results)
        if (row.dataset, row.scale, row.lr, row.image)
        == (picture.dataset, picture.scale, picture.lr, picture.image)
        and row.metric in METRICS
    ]
    protocols = [name for name in PROTOCOLS if any(row.protocol == name for row in rows)]
    chosen = request.protocol or next(iter(protocols), "")
    if chosen and chosen not in protocols:
        raise UnknownNameError("protocol in this run", chosen, protocols)
    rows = [row for row in rows if row.protocol == chosen]
    measured = {row.metric for row in rows}
    for name in request.metrics:
        if name not in measured:
            raise UnknownNameError("metric of this picture", name, measured)
    usual = tuple(name for name in ("psnr", "ssim") if name in measured)
    others = tuple(name for name in metric_names() if name in measured)
    metrics = request.metrics or usual or others[:2]
    return chosen, metrics, {(row.method, row.metric): row.value for row in rows}


def _printed(value: float | None, metric: str) -> str:
    return "n/a" if value is None else METRICS[metric].printed(value)


def _best(metric: str, values: list[float | None]) -> str:
    """The best value as printed; nothing where only one was scored."""
    known = [value for value in values if value is not None]
    return _printed(min(known, key=METRICS[metric].badness), metric) if len(known) > 1 else ""

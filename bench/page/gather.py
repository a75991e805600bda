"""From a results folder to the content of its page."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from bench.analysis.board import Board
from bench.analysis.results import Results
from bench.metric import METRICS
from bench.page.content import Cell, Column, Content, Metric, Model, Number, PictureSet, Table
from bench.page.sheets import sheets
from bench.page.thumbnails import NO_PICTURE, Thumbnail, thumbnails
from bench.palette import colour_of, model_order
from bench.protocols.presets import PROTOCOLS
from bench.reports.formats import FORMATS
from bench.store.rows import Place, hr_variant
from sr_models.data.manifest import manifest, manifest_names

_SetKey = tuple[str, int, str, str]
Key = TypeVar("Key", str, _SetKey)

_SOURCES = ("scores.csv", "run.json", "profile.csv")
_FIGURES = ("plots", "grids", "compare")
_DRAWN = (".svg", ".png")  # of two with one stem, the first is shown


@dataclass(frozen=True)
class _Index:
    """Where models, metrics, datasets and picture sets stand in their lists."""

    models: dict[str, int]
    metrics: dict[str, int]
    datasets: dict[str, int]
    sets: dict[_SetKey, int]
    """(dataset, scale, LR, crop) -> position."""


def content(results: Results, page: Path) -> Content:
    """Return what the page of a results folder shows."""
    folder, boards = results.folder, results.boards
    images = _images(boards)
    shown = {model for board in boards for model in board.models}
    models = sorted(shown | _picture_models(folder), key=model_order)
    metrics = list(dict.fromkeys(name for board in boards for name in board.metrics))
    datasets = list(dict.fromkeys(dataset for board in boards for dataset in board.datasets))
    index = _Index(_places(models), _places(metrics), _places(datasets), _places(images))
    return Content(
        title=folder.resolve().name,
        run=boards[0].run,
        base=_base(folder, page),
        models=[Model(name, colour_of(name)) for name in models],
        metrics=[_metric(name) for name in metrics],
        datasets=datasets,
        tables=[_table(board, images, index, _formats(folder, board)) for board in boards],
        sets=_sets(folder, images, index),
        figures=_figures(folder),
        files=[name for name in _SOURCES if (folder / name).is_file()],
        sheets=sheets(results),
    )


def _places(names: Iterable[Key]) -> dict[Key, int]:
    return {name: place for place, name in enumerate(names)}


def _set_key(board: Board, dataset: str) -> _SetKey:
    return dataset, board.scale, board.lr, hr_variant(board.part.partition("_")[0])


def _images(boards: Iterable[Board]) -> dict[_SetKey, list[str]]:
    """(dataset, scale, LR, crop) -> the ids of its pictures."""
    found: dict[_SetKey, set[str]] = {}
    for board in boards:
        for column in board.columns:
            of_set = found.setdefault(_set_key(board, column.dataset), set())
            of_set |= {image for values in column.values.values() for image in values}
    return {where: sorted(ids) for where, ids in sorted(found.items())}


def _picture_models(folder: Path) -> set[str]:
    images = folder / "images"
    return {path.name for path in images.iterdir() if path.is_dir()} if images.is_dir() else set()


def _base(folder: Path, page: Path) -> str:
    """Return the address of the folder as seen from the page; another drive has no relative one."""
    start = page.resolve().parent
    if start == folder.resolve():
        return ""
    try:
        relative = Path(os.path.relpath(folder.resolve(), start)).as_posix()
    except ValueError:
        return folder.resolve().as_uri() + "/"
    return quote(relative) + "/"


def _metric(name: str) -> Metric:
    found = METRICS[name]
    ideal = getattr(found, "ideal", None)  # only metrics of pictures on their own have one
    return Metric(name, found.heading, found.unit, found.higher_is_better, found.digits, found.source, ideal)


def _table(
    board: Board,
    images: dict[_SetKey, list[str]],
    index: _Index,
    files: list[str],
) -> Table:
    return Table(
        stem=board.stem,
        protocol=board.protocol,
        source=PROTOCOLS[board.protocol].source,
        scale=board.scale,
        lr=board.lr,
        crop=hr_variant(board.part.partition("_")[0]),
        datasets=[index.datasets[name] for name in board.datasets],
        metrics=[index.metrics[name] for name in board.metrics],
        models=[index.models[name] for name in board.models],
        signatures=[board.signatures[name] for name in board.metrics],
        notes=board.remarks(),
        files=files,
        cells=[_cell(board, where, index) for where in sorted(board.cells)],
        columns=_columns(board, images, index),
    )


def _formats(folder: Path, board: Board) -> list[str]:
    paths = [Path("tables", board.stem + kind.suffix) for kind in FORMATS]
    return [path.as_posix() for path in paths if (folder / path).is_file()]


def _cell(board: Board, where: tuple[str, str, str], index: _Index) -> Cell:
    model, dataset, metric = where
    cell, printed = board.cells[where], METRICS[metric].printed
    interval = f"mean over {cell.n} picture{'' if cell.n == 1 else 's'}"
    if cell.low is not None and cell.high is not None:
        interval += f"; 95 % interval {printed(cell.low)} to {printed(cell.high)}"
    return Cell(
        index.models[model],
        index.datasets[dataset],
        index.metrics[metric],
        cell.text,
        _number(cell.mean),
        cell.place,
        interval,
        cell.mark,
    )


def _number(value: float) -> Number:
    return value if math.isfinite(value) else str(value)


def _columns(board: Board, images: dict[_SetKey, list[str]], index: _Index) -> list[Column]:
    columns = {}
    for found in board.columns:
        of_set = _set_key(board, found.dataset)
        digits = METRICS[found.metric].digits
        for model, values in found.values.items():
            key = (index.sets[of_set], index.metrics[found.metric], index.models[model])
            shown = [_printed(values[image], digits) if image in values else None for image in images[of_set]]
            columns[key] = Column(*key, values=shown)
    return [columns[key] for key in sorted(columns)]


def _printed(value: float, digits: int) -> int | str:
    """Return the value in units of its last printed digit: rounded once, by the same rule as the tables."""
    return int(f"{value:.{digits}f}".replace(".", "")) if math.isfinite(value) else str(value)


def _sets(folder: Path, images: dict[_SetKey, list[str]], index: _Index) -> list[PictureSet]:
    files = {where: _files(folder, where, index.models) for where in images}
    shown = [
        next(
            (files[where][model][image] for model in _hr_first(files[where]) if image in files[where][model]),
            None,
        )
        for where, ids in images.items()
        for image in ids
    ]
    small = iter(thumbnails(shown) if any(shown) else [NO_PICTURE] * len(shown))
    return [
        _set(where, ids, files[where], [next(small) for _ in ids], index) for where, ids in images.items()
    ]


def _files(folder: Path, where: _SetKey, models: Iterable[str]) -> dict[str, dict[str, Path]]:
    """Model -> picture id -> file, for the models that have any."""
    cropped_so = [model for model in models if hr_variant(model.partition("@")[2]) == where[3]]
    below = {model: (folder / "images" / _place(model, where, "_").path).parent for model in cropped_so}
    found = {model: {file.stem: file for file in place.glob("*.png")} for model, place in below.items()}
    return {model: pictures for model, pictures in found.items() if pictures}


def _place(method: str, where: _SetKey, image: str) -> Place:
    model, _, variant = method.partition("@")
    return Place(model, variant, *where[:3], image)


def _hr_first(files: dict[str, dict[str, Path]]) -> list[str]:
    return sorted(files, key=lambda model: (model.partition("@")[0] != "hr", model))


def _set(
    where: _SetKey,
    ids: list[str],
    files: dict[str, dict[str, Path]],
    small: list[Thumbnail],
    index: _Index,
) -> PictureSet:
    dataset, scale, lr, crop = where
    names = manifest(dataset).names if dataset in manifest_names() else {}
    return PictureSet(
        dataset=index.datasets[dataset],
        scale=scale,
        lr=lr,
        crop=crop,
        folder=_place("_", where, "_").path.split("/")[2],
        images=ids,
        names=[names.get(image, image) for image in ids],
        thumbnails=[each.uri for each in small],
        sizes=[each.size for each in small],
        here={
            index.models[model]: "".join("01"[image in pictures] for image in ids)
            for model, pictures in files.items()
        },
    )


def _figures(folder: Path) -> list[str]:
    found: dict[Path, Path] = {}
    for suffix in _DRAWN:
        for place in _FIGURES:
            for path in sorted((folder / place).rglob(f"*{suffix}")):
                found.setdefault(path.with_suffix(""), path)
    return [found[stem].relative_to(folder).as_posix() for stem in sorted(found)]

"""From a results folder to the content of its page."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from bench.analysis.board import Board
from bench.metric import METRICS
from bench.page.content import Cell, Column, Content, Metric, Model, Number, PictureSet, Table
from bench.page.sheets import sheets
from bench.page.thumbnails import NO_PICTURE, Thumbnail, thumbnails
from bench.palette import colour_of, label_of, model_order
from bench.protocols.presets import PROTOCOLS
from bench.reports.formats import FORMATS
from bench.reports.write import boards_of
from bench.store.table import Score, read_scores
from sr_models.data.manifest import manifest, manifest_names

Key = TypeVar("Key", str, tuple[str, int])

_SOURCES = ("scores.csv", "run.json", "profile.csv")
_FIGURES = ("plots", "grids", "compare")
_DRAWN = (".svg", ".png")  # of two with one stem, the first is shown


@dataclass(frozen=True)
class _Index:
    """Where models, metrics, datasets and picture sets stand in their lists."""

    models: dict[str, int]
    metrics: dict[str, int]
    datasets: dict[str, int]
    sets: dict[tuple[str, int], int]
    """(dataset, scale) -> position."""


def content(folder: Path, page: Path) -> Content:
    """Return what the page of a results folder shows; raises InputError where there are no scores."""
    scores = read_scores(folder)
    boards = boards_of(folder)
    images = _images(scores)
    models = sorted({score.model for score in scores} | _picture_models(folder), key=model_order)
    metrics = list(dict.fromkeys(name for board in boards for name in board.metrics))
    datasets = list(dict.fromkeys(dataset for board in boards for dataset in board.datasets))
    index = _Index(_places(models), _places(metrics), _places(datasets), _places(images))
    return Content(
        title=folder.resolve().name,
        run=boards[0].run,
        base=_base(folder, page),
        models=[Model(name, label_of(name), colour_of(name)) for name in models],
        metrics=[_metric(name) for name in metrics],
        datasets=datasets,
        tables=[_table(board, scores, images, index, _formats(folder, board)) for board in boards],
        sets=_sets(folder, images, index),
        figures=_figures(folder),
        files=[name for name in _SOURCES if (folder / name).is_file()],
        sheets=sheets(folder),
    )


def _places(names: Iterable[Key]) -> dict[Key, int]:
    return {name: place for place, name in enumerate(names)}


def _images(scores: Iterable[Score]) -> dict[tuple[str, int], list[str]]:
    """(dataset, scale) -> the ids of its pictures."""
    found: dict[tuple[str, int], set[str]] = {}
    for score in scores:
        found.setdefault((score.dataset, score.scale), set()).add(score.image)
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
    scores: Sequence[Score],
    images: dict[tuple[str, int], list[str]],
    index: _Index,
    files: list[str],
) -> Table:
    signatures = {note.partition(": ")[0]: note.partition(": ")[2] for note in board.notes()}
    return Table(
        stem=board.stem,
        protocol=board.protocol,
        source=PROTOCOLS[board.protocol].source,
        scale=board.scale,
        lr=board.lr,
        datasets=[index.datasets[name] for name in board.datasets],
        metrics=[index.metrics[name] for name in board.metrics],
        models=[index.models[name] for name in board.models],
        signatures=[signatures[name] for name in board.metrics],
        notes=[note for note in board.notes() if note.partition(": ")[0] not in board.metrics],
        files=files,
        cells=[_cell(board, where, index) for where in sorted(board.cells)],
        columns=_columns(board, scores, images, index),
    )


def _formats(folder: Path, board: Board) -> list[str]:
    paths = [Path("tables", board.stem + kind.suffix) for kind in FORMATS]
    return [path.as_posix() for path in paths if (folder / path).is_file()]


def _cell(board: Board, where: tuple[str, str, str], index: _Index) -> Cell:
    model, dataset, metric = where
    cell, digits = board.cells[where], METRICS[metric].digits
    interval = f"mean over {cell.n} picture{'' if cell.n == 1 else 's'}"
    if cell.low is not None and cell.high is not None:
        interval += f"; 95 % interval {cell.low:.{digits}f} to {cell.high:.{digits}f}"
    return Cell(
        index.models[model],
        index.datasets[dataset],
        index.metrics[metric],
        board.text(*where),
        _number(cell.mean),
        board.place(*where),
        interval,
        board.mark(*where),
    )


def _number(value: float) -> Number:
    return value if math.isfinite(value) else str(value)


def _columns(
    board: Board, scores: Sequence[Score], images: dict[tuple[str, int], list[str]], index: _Index
) -> list[Column]:
    group = (board.scale, board.lr, board.protocol)
    rows = {where: _places(ids) for where, ids in images.items()}
    columns: dict[tuple[int, int, int], Column] = {}
    for score in scores:
        if (score.scale, score.lr, score.protocol) != group or score.metric not in index.metrics:
            continue
        of_set = (score.dataset, score.scale)
        key = (index.sets[of_set], index.metrics[score.metric], index.models[score.model])
        column = columns.setdefault(key, Column(*key, values=[None] * len(images[of_set])))
        column.values[rows[of_set][score.image]] = _printed(score.value, METRICS[score.metric].digits)
    return [columns[key] for key in sorted(columns)]


def _printed(value: float, digits: int) -> int | str:
    """Return the value in units of its last printed digit: rounded once, by the same rule as the tables."""
    return int(f"{value:.{digits}f}".replace(".", "")) if math.isfinite(value) else str(value)


def _sets(folder: Path, images: dict[tuple[str, int], list[str]], index: _Index) -> list[PictureSet]:
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


def _files(folder: Path, where: tuple[str, int], models: Iterable[str]) -> dict[str, dict[str, Path]]:
    """Model -> picture id -> file, for the models that have any."""
    dataset, scale = where
    below = {model: folder / "images" / model / dataset / f"x{scale}" for model in models}
    found = {model: {file.stem: file for file in place.glob("*.png")} for model, place in below.items()}
    return {model: pictures for model, pictures in found.items() if pictures}


def _hr_first(files: dict[str, dict[str, Path]]) -> list[str]:
    return sorted(files, key=lambda model: (model != "hr", model))


def _set(
    where: tuple[str, int],
    ids: list[str],
    files: dict[str, dict[str, Path]],
    small: list[Thumbnail],
    index: _Index,
) -> PictureSet:
    dataset, scale = where
    names = manifest(dataset).names if dataset in manifest_names() else {}
    return PictureSet(
        dataset=index.datasets[dataset],
        scale=scale,
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

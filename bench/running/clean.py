"""What lies in a results folder and no longer belongs there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from bench.metric import METRICS
from bench.protocols.presets import PROTOCOLS
from bench.store.header import Header, ModelFacts, read_header, write_header
from bench.store.rows import Score, method_name
from bench.store.table import Tables, open_tables, writing
from sr_models.data.errors import InputError
from sr_models.data.manifest import manifest, manifest_names
from sr_models.models import find_model

_NO_SPECS = ("original", "published pictures", "a Python function")


@dataclass(frozen=True)
class Leftovers:
    """Rows, pictures and models that no longer belong, each with the reason."""

    rows: dict[str, list[Score]]
    """Why -> rows of scores.csv."""
    pictures: dict[str, list[str]]
    """Why -> paths below images/."""
    models: list[str]
    """Entries of run.json without any row."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.pictures or self.models)

    def lines(self) -> list[str]:
        """Return a line for each reason."""
        found = [f"{len(rows)} scores: {why}" for why, rows in self.rows.items()]
        found += [f"{len(paths)} pictures: {why} ({paths[0]})" for why, paths in self.pictures.items()]
        return found + [f"model {name} in run.json: it has no scores" for name in self.models]


def clean(folder: Path, *, drop: bool = False) -> Leftovers:
    """Return what no longer belongs to a results folder; drop also deletes it."""
    if not (folder / "scores.csv").is_file():
        raise InputError(f"{folder} holds no scores.csv: expected the folder of a `bench run`")
    if not drop:
        return _found(open_tables(folder), read_header(folder))
    with writing(folder):
        tables, header = open_tables(folder), read_header(folder)
        found = _found(tables, header)
        tables.scores.drop(row.identity for rows in found.rows.values() for row in rows)
        paths = [path for paths in found.pictures.values() for path in paths]
        tables.saved.drop((path,) for path in paths)
        for path in paths:
            (folder / "images" / path).unlink(missing_ok=True)
        tables.merge()
        models = {name: facts for name, facts in header.models.items() if name not in found.models}
        write_header(folder, msgspec.structs.replace(header, models=models))
    return found


def _found(tables: Tables, header: Header) -> Leftovers:
    rows: dict[str, list[Score]] = {}
    model_problem = cache(lambda name: _model_problem(name, header.models))
    kept, images = set(), set()
    for row in tables.scores:
        why = _row_problem(row, header, model_problem)
        if why:
            rows.setdefault(why, []).append(row)
        else:
            kept.add(row.method)
            images.add((row.dataset, row.image))
    pictures: dict[str, list[str]] = {}
    for saved_row in tables.saved:
        place = saved_row.place
        method = method_name(place.model, place.variant)
        if not (tables.folder / "images" / saved_row.path).is_file():
            pictures.setdefault("listed in images/index.csv, but not there", []).append(saved_row.path)
        elif (place.model != "hr" and method not in kept) or (place.dataset, place.image) not in images:
            pictures.setdefault("nothing was scored on them, or no longer", []).append(saved_row.path)
    images_folder = tables.folder / "images"
    listed = {row.path for row in tables.saved}
    for path in sorted(images_folder.rglob("*.png")):
        below = path.relative_to(images_folder).as_posix()
        if below not in listed:
            pictures.setdefault("not listed in images/index.csv", []).append(below)
    scored = {method.partition("@")[0] for method in kept}
    return Leftovers(rows, pictures, [name for name in header.models if name not in {*scored, "hr"}])


def _row_problem(row: Score, header: Header, model_problem: Callable[[str], str]) -> str:
    if row.metric not in METRICS:
        return f"no metric {row.metric} is installed here"
    if row.protocol not in PROTOCOLS:
        return f"there is no protocol {row.protocol}"
    own = header.datasets[row.dataset].pictures if row.dataset in header.datasets else {}
    listed = manifest(row.dataset).images() if row.dataset in manifest_names() else []
    known = own or listed or [row.image]
    if row.image not in known:
        return f"{row.dataset} has no such pictures any more"
    return model_problem(row.model)


def _model_problem(name: str, models: Mapping[str, ModelFacts]) -> str:
    """Return why a model's scores could not be computed again as they are; empty where they could, or where
    nothing is known of it.
    """
    facts = models.get(name, ModelFacts())
    if not facts.spec or facts.spec in _NO_SPECS:
        return ""
    try:
        model = find_model(facts.spec)
    except InputError as error:
        return f"{name} cannot be opened any more: {error}"
    if facts.version != model.version:
        return f"{name} has changed since: from version {facts.version} to {model.version}"
    return ""

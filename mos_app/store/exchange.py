"""Ratings out: long CSV, Parquet, wide matrix, sureal JSON. CONTRACTS name the columns.

They are read a chunk at a time, each chunk as columns; only what a file needs of all ratings at once is kept.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row

from mos_app.store.connection import PRIVATE, Database
from mos_app.store.raters import rater_rows_on
from mos_app.store.ratings import rating_chunks
from mos_app.study.definition import Study
from mos_app.study.viewing import in_words
from sr_models.data.image import new_file, write_bytes

_WHO = ("study", "rater", "presentation", "phase", "dataset", "picture")
_HOW = ("seconds", "shown_at", "device_pixel_ratio", "rect", "viewport", "visible", "fullscreen", "stored_at")
LATER = ("position", "viewing")
"""Columns that files of earlier versions lack."""
SCORE_COLUMNS = (*_WHO, "method", "repeat", "score", *_HOW, *LATER)
PAIR_COLUMNS = (*_WHO, "left", "right", "repeat", "choice", *_HOW, *LATER)
RATERS_FILE = "raters.csv"
SIDES = {1: "left", 2: "right"}
_NUMBERS = {"seconds": pa.float64(), "device_pixel_ratio": pa.float64()} | dict.fromkeys(
    ("repeat", "score", "visible", "fullscreen", "position"), pa.int64()
)
_MATRIX = ("phase", "dataset", "picture", "method", "repeat", "rater", "score")
"""What the wide matrix and sureal's JSON are made of."""

Columns = Mapping[str, Sequence[Any]]
"""A part of the long table: name to values, in the order of `columns_of`."""


def columns_of(study: Study) -> tuple[str, ...]:
    """Return the long table's columns: those of CONTRACTS, then `stored_at` (the server's clock), `position`
    (place in the rater's order, from 0) and `viewing` (what the viewing check found against the screen).
    """
    return PAIR_COLUMNS if study.settings.method == "pairs" else SCORE_COLUMNS


def ratings_frame(db: Database) -> pd.DataFrame:
    """Return one row a rating, by rater and position."""
    with db.snapshot() as connection:
        return _frame([_table(part, db.study) for part in _parts(connection, db.study)], db.study)


def export(db: Database, folder: Path) -> list[Path]:
    """Write every form of the ratings, as they are at one moment, into folder and return the paths."""
    pairs = db.study.settings.method == "pairs"
    names = ["ratings.csv", "ratings.parquet", RATERS_FILE, *([] if pairs else ["wide.csv", "sureal.json"])]
    with db.snapshot() as connection:
        first = _write_long(connection, db.study, folder)
        write_bytes(folder / RATERS_FILE, _raters_csv(connection), mode=PRIVATE)
    if not pairs:
        write_bytes(folder / "wide.csv", wide_matrix(first).to_csv().encode(), mode=PRIVATE)
        with new_file(folder / "sureal.json", mode=PRIVATE) as file:
            _write_sureal(first, db.study, file)
    return [folder / name for name in names]


def _write_long(connection: Connection, study: Study, folder: Path) -> pd.DataFrame:
    """Write ratings.csv and ratings.parquet; return the columns of _MATRIX, none for pairs."""
    schema = _schema(study)
    kept: list[pa.Table] = []
    with ExitStack() as stack:
        text = stack.enter_context(new_file(folder / "ratings.csv", mode=PRIVATE))
        binary = stack.enter_context(new_file(folder / "ratings.parquet", mode=PRIVATE))
        parquet = stack.enter_context(pq.ParquetWriter(binary, schema))
        text.write(_csv([schema.names]))
        for part in _parts(connection, study):
            text.write(_csv(zip(*part.values(), strict=True)))
            table = _table(part, study)
            parquet.write_table(table)
            kept.append(table.select([name for name in _MATRIX if name in part]))
    return _frame(kept, study)


def wide_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return first scores that count: a row a stimulus, a column a rater, in the order they came."""
    main = frame[(frame["phase"] == "main") & (frame["repeat"] == 0)]
    wide = main.pivot_table(
        index=["dataset", "picture", "method"], columns="rater", values="score", sort=True
    )
    return wide[list(dict.fromkeys(main["rater"]))].astype("Int64")


def _write_sureal(frame: pd.DataFrame, study: Study, file: BinaryIO) -> None:
    """Write a dataset of Netflix's `sureal` (its dictionary-style opinion scores), one stimulus a line."""
    main = frame[(frame["phase"] == "main") & (frame["repeat"] == 0)]
    pictures = sorted(set(zip(main["dataset"], main["picture"], strict=True)))
    numbers = {picture: index for index, picture in enumerate(pictures)}
    head = {
        "dataset_name": study.name,
        "ref_score": 5.0,
        "ref_videos": [
            {"content_id": index, "content_name": f"{d}/{p}", "path": f"{d}/{p}"}
            for (d, p), index in numbers.items()
        ],
    }
    file.write(json.dumps(head).removesuffix("}").encode() + b', "dis_videos": [')
    groups = main.groupby(["dataset", "picture", "method"], sort=True)
    for index, ((dataset, picture, method), group) in enumerate(groups):
        video = {
            "asset_id": index,
            "content_id": numbers[dataset, picture],
            "path": f"{dataset}/{picture}/{method}",
            "dataset": dataset,
            "picture": picture,
            "method": method,
            "os": dict(zip(group["rater"].tolist(), group["score"].tolist(), strict=True)),
        }
        file.write((b",\n" if index else b"\n") + json.dumps(video).encode())
    file.write(b"\n]}\n")


def _parts(connection: Connection, study: Study) -> Iterator[Columns]:
    """Yield the long table a chunk at a time."""
    raters = rater_rows_on(connection)
    viewing = {row["id"]: in_words(json.loads(row["checked"] or "{}")) for row in raters}
    for rows in rating_chunks(connection):
        yield _columns(rows, study, viewing)


def _columns(rows: Sequence[Row[Any]], study: Study, viewing: Mapping[str, str]) -> Columns:
    read = dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True))
    stimuli = [study.by_id[name] for name in read["stimulus"]]
    known = {
        **read,
        "study": [study.name] * len(rows),
        "dataset": [stimulus.dataset for stimulus in stimuli],
        "picture": [stimulus.picture for stimulus in stimuli],
        "viewing": [viewing[rater] for rater in read["rater"]],
        **{name: [int(value) for value in read[name]] for name in ("repeat", "visible", "fullscreen")},
    }
    methods = [stimulus.method for stimulus in stimuli]
    if study.settings.method == "pairs":
        known["left"], known["right"] = methods, [study.by_id[name].method for name in read["other"]]
        known["choice"] = [SIDES[score] for score in read["score"]]
    else:
        known["method"] = methods
    return {name: known[name] for name in columns_of(study)}


def _schema(study: Study) -> pa.Schema:
    return pa.schema([(name, _NUMBERS.get(name, pa.large_string())) for name in columns_of(study)])


def _table(part: Columns, study: Study) -> pa.Table:
    return pa.table(dict(part), schema=_schema(study))


def _frame(tables: Sequence[pa.Table], study: Study) -> pd.DataFrame:
    frame: pd.DataFrame = pa.concat_tables(tables or [_schema(study).empty_table()]).to_pandas()
    return frame


def _csv(rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _raters_csv(connection: Connection) -> bytes:
    rows = rater_rows_on(connection)
    return _csv([list(rows[0]) if rows else ["id"], *(list(row.values()) for row in rows)])

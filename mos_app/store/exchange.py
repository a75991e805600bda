"""Ratings out and in again: long CSV, Parquet, wide matrix, sureal JSON. CONTRACTS name the columns."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from mos_app.store import tables
from mos_app.store.connection import PRIVATE, Database, insert_all
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows
from mos_app.study.definition import Study
from mos_app.study.viewing import in_words
from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

_WHO = ("study", "rater", "presentation", "phase", "dataset", "picture")
_HOW = ("seconds", "shown_at", "device_pixel_ratio", "rect", "viewport", "visible", "fullscreen", "stored_at")
_LATER = ("position", "viewing")
"""Columns that files of earlier versions lack."""
SCORE_COLUMNS = (*_WHO, "method", "repeat", "score", *_HOW, *_LATER)
PAIR_COLUMNS = (*_WHO, "left", "right", "repeat", "choice", *_HOW, *_LATER)
RATERS_FILE = "raters.csv"
SIDES = {1: "left", 2: "right"}


def columns_of(study: Study) -> tuple[str, ...]:
    """Return the long table's columns: those of CONTRACTS, then `stored_at` (the server's clock), `position`
    (place in the rater's order, from 0) and `viewing` (what the viewing check found against the screen).
    """
    return PAIR_COLUMNS if study.settings.method == "pairs" else SCORE_COLUMNS


def ratings_frame(db: Database) -> pd.DataFrame:
    """Return one row a rating, by rater and position."""
    return pd.DataFrame(_records(db), columns=list(columns_of(db.study)))


def export(db: Database, folder: Path) -> list[Path]:
    """Write every form of the ratings into folder and return the paths."""
    records = _records(db)
    frame = pd.DataFrame(records, columns=list(columns_of(db.study)))
    files = {
        "ratings.csv": _csv(records, columns_of(db.study)),
        "ratings.parquet": frame.to_parquet(index=False),
    }
    files[RATERS_FILE] = _raters_csv(db)
    if db.study.settings.method != "pairs":
        files["wide.csv"] = wide_matrix(frame).to_csv().encode()
        files["sureal.json"] = json.dumps(sureal_dataset(frame, db.study), indent=1).encode()
    for name, data in files.items():
        write_bytes(folder / name, data, mode=PRIVATE)
    return [folder / name for name in files]


def wide_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return first scores that count: a row a stimulus, a column a rater, in the order they came."""
    main = frame[(frame["phase"] == "main") & (frame["repeat"] == 0)]
    wide = main.pivot_table(
        index=["dataset", "picture", "method"], columns="rater", values="score", sort=True
    )
    return wide[list(dict.fromkeys(main["rater"]))].astype("Int64")


def sureal_dataset(frame: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return the ratings as a dataset of Netflix's `sureal` (its dictionary-style opinion scores)."""
    main = frame[(frame["phase"] == "main") & (frame["repeat"] == 0)]
    pictures = sorted({(d, p) for d, p in zip(main["dataset"], main["picture"], strict=True)})
    numbers = {picture: index for index, picture in enumerate(pictures)}
    videos: list[dict[str, Any]] = []
    for (dataset, picture, method), group in main.groupby(["dataset", "picture", "method"], sort=True):
        videos.append(
            {
                "asset_id": len(videos),
                "content_id": numbers[dataset, picture],
                "path": f"{dataset}/{picture}/{method}",
                "dataset": dataset,
                "picture": picture,
                "method": method,
                "os": {
                    rater: int(score) for rater, score in zip(group["rater"], group["score"], strict=True)
                },
            }
        )
    return {
        "dataset_name": study.name,
        "ref_score": 5.0,
        "ref_videos": [
            {"content_id": index, "content_name": f"{d}/{p}", "path": f"{d}/{p}"}
            for (d, p), index in numbers.items()
        ],
        "dis_videos": videos,
    }


def import_ratings(db: Database, path: Path, raters_file: Path | None = None) -> tuple[int, int]:
    """Put an exported ratings.csv into the study, all rows or none. Return (raters, ratings).

    What raters.csv says of each person (consent, panel, viewing check, code) comes along; without
    `raters_file` the one beside `path` is taken, if there is one.
    """
    rows = _read(path, columns_of(db.study))
    beside = path.with_name(RATERS_FILE)
    people = _read_people(raters_file or beside) if raters_file or beside.is_file() else {}
    by_rater: dict[str, list[dict[str, Any]]] = defaultdict(list)
    presentations, ratings = [], []
    for line, row in enumerate(rows, start=2):
        try:
            presentation, rating = _parsed(row, db.study, position=len(by_rater[row["rater"]]))
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}, line {line}: {_sentence(error)}; nothing was imported") from None
        by_rater[row["rater"]].append(rating)
        presentations.append(presentation)
        ratings.append(rating)
    raters = [
        _rater_row(rater, theirs, db.study, people.get(rater, {})) for rater, theirs in by_rater.items()
    ]
    _restore(db, raters, presentations, ratings)
    return len(raters), len(ratings)


def _read_people(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from None
    if any(not row.get("id") for row in rows):
        raise InputError(f"{path}: expected a raters.csv that `mos export` wrote, with a column id")
    return {row["id"]: row for row in rows}


def _restore(
    db: Database,
    raters: Sequence[dict[str, Any]],
    presentations: Sequence[dict[str, Any]],
    ratings: Sequence[dict[str, Any]],
) -> None:
    """Put imported rows in, all or none; a clash with what is there raises InputError."""
    try:
        with db.writing() as connection:
            entered = connection.execute(select(tables.study.c.entered).with_for_update()).scalar_one()
            numbered = [{**row, "number": entered + i} for i, row in enumerate(raters)]
            for table, rows in (
                (tables.raters, numbered),
                (tables.presentations, presentations),
                (tables.ratings, ratings),
            ):
                insert_all(connection, table, rows)
            connection.execute(update(tables.study).values(entered=entered + len(raters)))
    except IntegrityError:
        raise InputError(
            "some of these raters or presentations are in the study already: nothing was imported"
        ) from None


def _records(db: Database) -> list[dict[str, Any]]:
    pairs = db.study.settings.method == "pairs"
    records = []
    viewing = {row["id"]: in_words(json.loads(row["checked"] or "{}")) for row in rater_rows(db)}
    for row in rating_rows(db):
        stimulus = db.study.by_id[row["stimulus"]]
        record = {
            "study": db.study.name,
            "rater": row["rater"],
            "presentation": row["presentation"],
            "phase": row["phase"],
            "dataset": stimulus.dataset,
            "picture": stimulus.picture,
            "repeat": int(row["repeat"]),
            **{name: row[name] for name in _HOW},
            "visible": int(row["visible"]),
            "fullscreen": int(row["fullscreen"]),
            "position": row["position"],
            "viewing": viewing[row["rater"]],
        }
        if pairs:
            right = db.study.by_id[row["other"]]
            record |= {"left": stimulus.method, "right": right.method, "choice": SIDES[row["score"]]}
        else:
            record |= {"method": stimulus.method, "score": row["score"]}
        records.append(record)
    return records


def _csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _raters_csv(db: Database) -> bytes:
    rows = rater_rows(db)
    return _csv(rows, list(rows[0]) if rows else ["id"])


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            found = tuple(reader.fieldnames or ())
            if found not in (tuple(columns), tuple(name for name in columns if name not in _LATER)):
                raise InputError(f"{path}: expected the columns {','.join(columns)}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from None


def _parsed(row: Mapping[str, str], study: Study, position: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a row of presentations and one of ratings."""
    if row["study"] != study.name:
        raise ValueError(f"the row is of the study {row['study']!r}, this one is {study.name!r}")
    stimulus, other = _shown(row, study)
    score = (
        {side: number for number, side in SIDES.items()}[row["choice"]]
        if "choice" in row
        else int(row["score"])
    )
    if not 1 <= score <= 5:
        raise ValueError(f"expected a score from 1 to 5, got {score}")
    if row["phase"] not in ("calibration", "main"):
        raise ValueError(f"expected the phase calibration or main, got {row['phase']!r}")
    presentation = {
        "id": row["presentation"],
        "rater": row["rater"],
        "position": position,
        "phase": row["phase"],
        "stimulus": stimulus,
        "other": other,
        "repeat": row["repeat"] == "1",
    }
    rating = {
        "presentation": row["presentation"],
        "score": score,
        "seconds": float(row["seconds"]),
        "device_pixel_ratio": float(row["device_pixel_ratio"]),
        "visible": row["visible"] == "1",
        "fullscreen": row["fullscreen"] == "1",
        **{name: row[name] for name in ("shown_at", "stored_at", "rect", "viewport")},
    }
    return presentation, rating


def _shown(row: Mapping[str, str], study: Study) -> tuple[str, str | None]:
    items = study.anchor_stimuli if row["phase"] == "calibration" else study.rated
    here = {s.method: s for s in items if (s.dataset, s.picture) == (row["dataset"], row["picture"])}
    if "choice" in row:
        return here[row["left"]].id, here[row["right"]].id
    stimulus = here[row["method"]]
    return stimulus.id, study.reference_of(stimulus).id if study.settings.method == "dcr" else None


def _sentence(error: Exception) -> str:
    return f"the study has no {error} there" if isinstance(error, KeyError) else str(error)


def _rater_row(
    rater: str, ratings: Sequence[Mapping[str, Any]], study: Study, person: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row of raters; what nothing says of the person is what an import can know."""
    return {
        "id": rater,
        "session_hash": None,
        "reusable_invite": False,
        "entered_at": person.get("entered_at") or ratings[0]["stored_at"],
        "language": person.get("language") or study.settings.language,
        "consent_version": person.get("consent_version") or "imported",
        **{name: person.get(name) or None for name in ("panel", "panel_study", "panel_session", "checked")},
        "total": len(ratings),
        "done": len(ratings),
        "rested_at": len(ratings),
        "finished_at": (person.get("finished_at") or None) if person else ratings[-1]["stored_at"],
        "completion_code": person.get("completion_code") or None,
        "released_at": person.get("released_at") or None,
        "blocks": study.blocks,
    }

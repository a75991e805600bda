"""Ratings in again: a ratings.csv that `mos export` wrote, all rows or none.

The file is read twice, a chunk at a time: first to check every line, without a lock, then to store them.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from mos_app.store import tables
from mos_app.store.connection import Database, insert_all
from mos_app.store.exchange import LATER, RATERS_FILE, SIDES, columns_of
from mos_app.study.definition import Stimulus, Study
from sr_models.data.errors import InputError

_CHUNK = 20_000
_CHOICES = {side: number for number, side in SIDES.items()}


@dataclass
class _Votes:
    """What the ratings say of one rater."""

    first: str
    """When the first one was stored."""
    last: str = ""
    count: int = 0


def import_ratings(db: Database, path: Path, raters_file: Path | None = None) -> tuple[int, int]:
    """Put an exported ratings.csv into the study, all rows or none. Return (raters, ratings).

    What raters.csv says of each person (consent, panel, viewing check, code) comes along; without
    `raters_file` the one beside `path` is taken, if there is one.
    """
    beside = path.with_name(RATERS_FILE)
    people = _read_people(raters_file or beside) if raters_file or beside.is_file() else {}
    votes: dict[str, _Votes] = {}
    for presentation, rating in _answers(path, db.study):
        own = votes.setdefault(presentation["rater"], _Votes(rating["stored_at"]))
        own.last, own.count = rating["stored_at"], own.count + 1
    raters = [_rater_row(rater, own, db.study, people.get(rater, {})) for rater, own in votes.items()]
    _store(db, raters, _answers(path, db.study))
    return len(raters), sum(own.count for own in votes.values())


def _read_people(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from None
    if any(not row.get("id") for row in rows):
        raise InputError(f"{path}: expected a raters.csv that `mos export` wrote, with a column id")
    return {row["id"]: row for row in rows}


def _store(
    db: Database, raters: Sequence[dict[str, Any]], answers: Iterator[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    """Put imported rows in, all or none; a clash with what is there raises InputError."""
    try:
        with db.writing() as connection:
            entered = connection.execute(select(tables.study.c.entered).with_for_update()).scalar_one()
            insert_all(
                connection, tables.raters, [{**row, "number": entered + i} for i, row in enumerate(raters)]
            )
            while chunk := list(islice(answers, _CHUNK)):
                insert_all(connection, tables.presentations, [presentation for presentation, _ in chunk])
                insert_all(connection, tables.ratings, [rating for _, rating in chunk])
            connection.execute(update(tables.study).values(entered=entered + len(raters)))
    except IntegrityError:
        raise InputError(
            "some of these raters or presentations are in the study already: nothing was imported"
        ) from None


def _answers(path: Path, study: Study) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield a row of presentations and one of ratings for each line; a wrong one raises InputError."""
    known, position = _Known(study), Counter[str]()
    for line, row in enumerate(_rows(path, columns_of(study)), start=2):
        try:
            if None in row or None in row.values():
                raise ValueError("expected a value for each column, and no more")
            yield known.presentation(row, position[row["rater"]]), _rating(row)
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}, line {line}: {_sentence(error)}; nothing was imported") from None
        position[row["rater"]] += 1


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            found = tuple(reader.fieldnames or ())
            if found not in (tuple(columns), tuple(name for name in columns if name not in LATER)):
                raise InputError(f"{path}: expected the columns {','.join(columns)}")
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from None


class _Known:
    """The study's stimuli by the names that an export gives them."""

    def __init__(self, study: Study) -> None:
        """Index them once: a line looks up one or two."""
        self.study = study
        self.stimuli: dict[str, dict[tuple[str, str], dict[str, Stimulus]]] = {}
        for phase, items in (("calibration", study.anchor_stimuli), ("main", study.rated)):
            here = self.stimuli[phase] = {}
            for item in items:
                here.setdefault((item.dataset, item.picture), {})[item.method] = item

    def presentation(self, row: Mapping[str, str], position: int) -> dict[str, Any]:
        """Return the row of presentations."""
        if row["study"] != self.study.name:
            raise ValueError(f"the row is of the study {row['study']!r}, this one is {self.study.name!r}")
        if row["phase"] not in self.stimuli:
            raise ValueError(f"expected the phase calibration or main, got {row['phase']!r}")
        stimulus, other = self._shown(row)
        return {
            "id": row["presentation"],
            "rater": row["rater"],
            "position": position,
            "phase": row["phase"],
            "stimulus": stimulus,
            "other": other,
            "repeat": row["repeat"] == "1",
        }

    def _shown(self, row: Mapping[str, str]) -> tuple[str, str | None]:
        here = self.stimuli[row["phase"]].get((row["dataset"], row["picture"]), {})
        if "choice" in row:
            return here[row["left"]].id, here[row["right"]].id
        stimulus = here[row["method"]]
        dcr = self.study.settings.method == "dcr"
        return stimulus.id, self.study.reference_of(stimulus).id if dcr else None


def _rating(row: Mapping[str, str]) -> dict[str, Any]:
    score = _CHOICES[row["choice"]] if "choice" in row else int(row["score"])
    if not 1 <= score <= 5:
        raise ValueError(f"expected a score from 1 to 5, got {score}")
    return {
        "presentation": row["presentation"],
        "score": score,
        "seconds": _finite(row["seconds"]),
        "device_pixel_ratio": _finite(row["device_pixel_ratio"]),
        "visible": row["visible"] == "1",
        "fullscreen": row["fullscreen"] == "1",
        **{name: row[name] for name in ("shown_at", "stored_at", "rect", "viewport")},
    }


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected a number, got {text}")
    return number


def _sentence(error: Exception) -> str:
    return f"the study has no {error} there" if isinstance(error, KeyError) else str(error)


def _rater_row(rater: str, votes: _Votes, study: Study, person: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of raters; what nothing says of the person is what an import can know."""
    return {
        "id": rater,
        "session_hash": None,
        "reusable_invite": False,
        "entered_at": person.get("entered_at") or votes.first,
        "language": person.get("language") or study.settings.language,
        "consent_version": person.get("consent_version") or "imported",
        **{name: person.get(name) or None for name in ("panel", "panel_study", "panel_session", "checked")},
        "total": votes.count,
        "done": votes.count,
        "rested_at": votes.count,
        "finished_at": (person.get("finished_at") or None) if person else votes.last,
        "completion_code": person.get("completion_code") or None,
        "released_at": person.get("released_at") or None,
        "blocks": study.blocks,
    }

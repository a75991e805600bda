"""Time and memory of `mos export`, `mos import` and `mos analyse` on a study's own database.

Makes a study without pictures, 10 methods of as many pictures as the ratings need, and writes raters,
presentations and ratings straight into its database. Each command then runs in a fresh process.

    python benchmarks/million.py                     # 0.1, 0.3 and 1 million ratings of 1,000 raters
    python benchmarks/million.py --ratings 1000000 --database postgresql://user@127.0.0.1/empty
"""

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mos_app.store import tables
from mos_app.store.connection import Database, insert_all, open_database
from mos_app.study.definition import Settings, Stimulus, Study, save

METHODS = ["nearest", "bicubic", *(f"m{i}" for i in range(7)), "hr"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def make_study(folder: Path, pictures: int) -> None:
    """Write study.json: 10 methods of each picture."""
    stimuli = tuple(
        Stimulus(
            id=f"{picture}-{method}",
            dataset="D",
            picture=f"img_{picture:04d}",
            method=method,
            sha256="0" * 64,
            width=480,
            height=320,
            file="none.png",
        )
        for picture in range(pictures)
        for method in METHODS
    )
    settings = Settings(seed=1, break_every=0)
    save(
        Study(
            name="million",
            created="2026-01-01T00:00:00.000Z",
            settings=settings,
            stimuli=stimuli,
            anchors=(),
            anchor_stimuli=(),
        ),
        folder,
    )


def fill(db: Database, raters: int) -> None:
    """Let every rater rate every stimulus once, in an order of their own."""
    rng = np.random.default_rng(1)
    pictures = len(db.study.stimuli) // len(METHODS)
    means = np.linspace(1.8, 4.2, len(METHODS)) + rng.normal(0, 0.3, (pictures, len(METHODS)))
    for rater in range(raters):
        with db.writing() as connection:
            person = _person(rater, len(db.study.stimuli))
            insert_all(connection, tables.raters, [person])
            shown, rated = zip(*_answers(db.study, person["id"], rater, means.ravel(), rng), strict=True)
            insert_all(connection, tables.presentations, shown)
            insert_all(connection, tables.ratings, rated)


def _person(number: int, total: int) -> dict[str, Any]:
    checked = {"zoom_percent": 100, "dark_steps": 6, "light_steps": 6, "touch": False}
    return {
        "id": f"r{number:06d}",
        "number": number,
        "session_hash": None,
        "reusable_invite": False,
        "entered_at": _text(BEGIN),
        "language": "en",
        "consent_version": "0" * 12,
        "panel": None,
        "panel_study": None,
        "panel_session": None,
        "checked": json.dumps(checked),
        "total": total,
        "done": total,
        "rested_at": total,
        "finished_at": _text(BEGIN + timedelta(seconds=4 * total)),
        "completion_code": None,
        "released_at": None,
        "blocks": 1,
    }


def _answers(
    study: Study, rater: str, number: int, means: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    size = len(study.stimuli)
    scores = np.clip(np.rint(means + rng.normal(0, 0.4) + rng.normal(0, 0.7, size)), 1, 5).astype(int)
    seconds = rng.gamma(3, 1, size).round(3)
    for position, index in enumerate(rng.permutation(size)):
        presentation = f"p{number:06d}{position:015d}"
        shown = {
            "id": presentation,
            "rater": rater,
            "position": position,
            "phase": "main",
            "stimulus": study.stimuli[index].id,
            "other": None,
            "repeat": False,
        }
        at = BEGIN + timedelta(seconds=4 * position)
        rated = {
            "presentation": presentation,
            "score": int(scores[index]),
            "seconds": float(seconds[index]),
            "shown_at": _text(at),
            "stored_at": _text(at + timedelta(seconds=float(seconds[index]))),
            "device_pixel_ratio": 1.0,
            "rect": "720 380 480 320",
            "viewport": "1920x1080",
            "visible": True,
            "fullscreen": True,
        }
        yield shown, rated


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def measure(*arguments: str) -> str:
    """Return what one command of `mos` takes in a fresh process: seconds, those of the CPU, peak GB."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return f"{time.perf_counter() - start:6.1f} s ({done.stdout.splitlines()[-1]})"


def child(arguments: list[str]) -> None:
    """Run a command of `mos` and print the seconds of CPU and the peak memory."""
    from mos_app.cli import main

    with contextlib.redirect_stdout(io.StringIO()):
        code = main(arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.1f} s of CPU, {used.ru_maxrss / 1e6:.2f} GB")
    raise SystemExit(code)


def one_size(ratings: int, raters: int, database: str | None) -> None:
    """Print what export, analyse and import of so many ratings take."""
    with tempfile.TemporaryDirectory() as name:
        folder, out, again = Path(name) / "study", Path(name) / "out", Path(name) / "again"
        for study in (folder, again):
            make_study(study, max(1, ratings // raters // len(METHODS)))
        where = ["--database", database] if database else []
        db = open_database(folder, database)
        fill(db, raters)
        db.close()
        took = {
            "export": measure("export", str(folder), "--to", str(out), *where),
            "analyse": measure("analyse", str(folder), "--out", str(out / "report"), *where),
            "analyse CSV": measure("analyse", str(out / "ratings.csv"), "--out", str(out / "report")),
            "import": measure("import", str(again), str(out / "ratings.csv")),
        }
        size = (out / "ratings.csv").stat().st_size / 1e6
        said = "".join(f"\n    {what:12} {used}" for what, used in took.items())
        print(f"{ratings:,} ratings ({size:.0f} MB of CSV){said}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--raters", type=int, default=1000)
    parser.add_argument("--database", metavar="URL", help="an empty database (default: SQLite)")
    arguments = parser.parse_args()
    for ratings in arguments.ratings:
        one_size(ratings, arguments.raters, arguments.database)

"""Mean opinion scores of pictures, as rows beside what metrics say of them."""

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.metric import METRICS
from bench.store.rows import Score
from bench.store.table import check_folder, scores_table, writing
from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of

METRIC = "mos"
_NEEDED = ("picture", "method", "mos")
_Rated = tuple[str, str, str]
"""(dataset or nothing, picture, method)."""


@dataclass(frozen=True)
class Joined:
    """How ratings and a run came together."""

    rows: int
    """Rows that hold a MOS now."""
    rated: int
    """Versions of pictures that people rated, ..."""
    unmatched: tuple[str, ...]
    """... and those of them that the run has no scores of, as dataset/picture method."""


def add_ratings(folder: Path, ratings: Path) -> Joined:
    """Put the MOS of each picture into the rows of a run, under each protocol that scored it.

    `ratings` is the folder of a `mos analyse`, or a CSV file with picture, method, mos and, where the run has
    several sets, dataset. Ratings that were there before of the same sets are replaced. Raises InputError
    where nothing that was rated is in the run.
    """
    path = ratings / "tables" / "stimuli.csv" if ratings.is_dir() else ratings
    check_folder(folder)
    opinions = _read(path)
    with writing(folder):
        table = scores_table(folder)
        scored = [row for row in table if row.metric != METRIC]
        matched, found = _matched(scored, opinions, sha256_of(path)[:12])
        if not found:
            raise InputError(
                f"no picture rated in {path} is in {folder}: expected images as pictures, models as methods"
            )
        sets = {row.dataset for row in found}
        table.drop([row.identity for row in table if row.metric == METRIC and row.dataset in sets])
        table.add(found)
        table.merge()
    missing = tuple(
        f"{dataset}/{image} {method}".lstrip("/") for dataset, image, method in opinions.keys() - matched
    )
    return Joined(len(found), len(opinions), tuple(sorted(missing)))


def _read(path: Path) -> dict[_Rated, float]:
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected the folder of a `mos analyse`, or its tables/stimuli.csv"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark before the first column
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{path}: expected the columns {', '.join(_NEEDED)}; {', '.join(missing)} missing")
    found: dict[_Rated, float] = {}
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        rated = (row.get("dataset") or "", row["picture"] or "", row["method"] or "")
        if rated in found:
            raise InputError(f"{where}: {row['method']} of {row['picture']} again: expected one mean each")
        found[rated] = _mos(row["mos"] or "", where)
    return found


def _mos(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a number as mos, got {text!r}")
    return value


def _matched(
    scored: Iterable[Score], opinions: Mapping[_Rated, float], digest: str
) -> tuple[set[_Rated], list[Score]]:
    """The ratings that are used, and the rows they make: one for each protocol of a scored picture."""
    used: dict[_Rated, str] = {}
    found: dict[tuple[object, ...], Score] = {}
    for row in scored:
        for rated in ((row.dataset, row.image, row.method), ("", row.image, row.method)):
            if rated not in opinions:
                continue
            if used.setdefault(rated, row.dataset) != row.dataset:
                raise InputError(
                    f"{row.image} is in {used[rated]} and {row.dataset}: give the ratings a dataset column"
                )
            made = _row(row, opinions[rated], digest)
            found[made.identity] = made
            break
    return set(used), list(found.values())


def _row(row: Score, value: float, digest: str) -> Score:
    signature = f"{METRIC}|people|mean over raters|ratings@{digest}|v{METRICS[METRIC].version}"
    key = hashlib.sha256(f"{signature}|{row.method}|{row.dataset}|{row.image}".encode()).hexdigest()[:12]
    return replace(row, metric=METRIC, value=value, signature=signature, key=key)

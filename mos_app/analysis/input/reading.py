"""Where ratings come from: a long table (CSV, Parquet), a wide matrix, sureal JSON, or a study's database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from sr_models.data.errors import InputError

StudyReader = Callable[[str], pd.DataFrame]
"""A study's folder or database to the ratings table of the study's export."""

NAMES = ("rater", "presentation", "dataset", "picture", "method")
"""Columns that stay as they are written: 007 is no number, and two long numbers are not alike."""

# The columns of a wide matrix that name the stimulus; every other column is one rater.
STIMULUS_COLUMNS = {
    "dataset": "dataset",
    "picture": "picture",
    "method": "method",
    "stimulus": "picture",
    "content_id": "picture",
    "asset_id": "method",
}


def read_table(source: str, read_study: StudyReader | None = None) -> pd.DataFrame:
    """Return the ratings, or the pairs, that `source` names, one row an answer, as they are.

    A .csv, .tsv, .parquet or .json is read as a file; anything else goes to `read_study`.
    """
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".tsv", ".parquet", ".json"}:
        return _from_study(source, read_study)
    if not path.is_file():
        raise InputError(f"no file {source}: give a ratings table (.csv, .parquet, .json) or a study")
    if suffix == ".json":
        return _from_sureal(path)
    table = (
        _read_parquet(path) if suffix == ".parquet" else _read_csv(path, "\t" if suffix == ".tsv" else ",")
    )
    return _long(table) if _is_wide(table) else table


def _from_study(source: str, read_study: StudyReader | None) -> pd.DataFrame:
    if read_study is None:
        raise InputError(f"{source} is not a table (.csv, .tsv, .parquet, .json) and no study is known here")
    return read_study(source)


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=separator, dtype=dict.fromkeys(NAMES, str))
    except pd.errors.EmptyDataError as error:
        raise InputError(
            f"{path} is empty: a ratings table starts with rater,picture,method,score"
        ) from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a CSV table: {error}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet table: {error}") from error


def _is_wide(table: pd.DataFrame) -> bool:
    names = {str(name) for name in table.columns}
    return bool(names & {"picture", "stimulus", "content_id"}) and not names & {"score", "rater", "choice"}


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """Return one row a vote of a matrix with one row a stimulus and one column a rater."""
    keys = [name for name in wide.columns if name in STIMULUS_COLUMNS]
    raters = [name for name in wide.columns if name not in STIMULUS_COLUMNS]
    if not raters:
        raise InputError(f"expected one column a rater beside {', '.join(keys)}, got none")
    wide = wide.rename(columns={name: STIMULUS_COLUMNS[name] for name in keys})
    keys = list(dict.fromkeys(STIMULUS_COLUMNS[name] for name in keys))
    if "method" not in wide.columns:
        wide, keys = wide.assign(method="(one)"), [*keys, "method"]
    return wide.melt(id_vars=keys, value_vars=raters, var_name="rater", value_name="score")


def _from_sureal(path: Path) -> pd.DataFrame:
    """Return the votes of a sureal dataset: `dis_videos` with `content_id`, `asset_id` and opinion scores
    `os`.
    """
    try:
        dataset = json.loads(path.read_text(encoding="utf-8"))
        contents = {
            v["content_id"]: v.get("content_name", v["content_id"]) for v in dataset.get("ref_videos", [])
        }
        rows = [row for video in dataset["dis_videos"] for row in _votes_of(video, contents)]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a sureal dataset: expected `dis_videos`, each with content_id, asset_id and os "
            f"({error!r})"
        ) from error
    table = pd.DataFrame(rows, columns=["rater", "dataset", "picture", "method", "repeat", "score"])
    return table.assign(dataset=table["dataset"].fillna(str(dataset.get("dataset_name", ""))))


def _votes_of(video: dict[str, Any], contents: dict[Any, Any]) -> list[tuple[Any, ...]]:
    """Return (rater, dataset, picture, method, repeat, score); `os` is a list in rater order or a dict by
    rater.
    """
    votes = video["os"]
    named = votes.items() if isinstance(votes, dict) else ((f"r{i:02d}", v) for i, v in enumerate(votes))
    picture = video.get("picture", contents.get(video["content_id"], video["content_id"]))
    method = video.get("method", video.get("asset_name", video["asset_id"]))
    key = (video.get("dataset"), str(picture), str(method))
    every = ((rater, v if isinstance(v, list) else [v]) for rater, v in named)
    return [(rater, *key, i, score) for rater, scores in every for i, score in enumerate(scores)]

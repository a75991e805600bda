"""Join MOS per stimulus with a run's scores.csv, metric by metric."""

import numpy as np
import pandas as pd

from bench.store.rows import method_name
from mos_app.analysis.arrays import Mask
from sr_models.data.errors import InputError

REQUIRED = ("model", "dataset", "scale", "lr", "image", "protocol", "metric", "value")


def join_scores(mos: pd.DataFrame, scores: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return points `dataset_of, picture, method, metric, value, mos` and what was left out, in sentences.

    `mos` is the table of `stimulus_mos`; `scores` is scores.csv. Stimuli join on dataset, image and model;
    where the ratings name no data set, on image and model, which the scores must then tell apart.
    """
    missing = [name for name in REQUIRED if name not in scores.columns]
    if missing:
        raise InputError(f"scores.csv needs the columns {', '.join(REQUIRED)}; {', '.join(missing)} missing")
    scores = _with_variants(scores)
    scores = scores.assign(value=pd.to_numeric(scores["value"]), label=_labels(scores))
    scores = scores.rename(columns={"image": "picture", "model": "method", "dataset": "dataset_of"})
    named = bool((mos["dataset"] != "").all())
    keys = ["dataset_of", "picture", "method"] if named else ["picture", "method"]
    _check_one_value(scores, [*keys, "label"])
    mos = mos.rename(columns={"dataset": "dataset_of"})[["dataset_of", "picture", "method", "mos"]]
    if not named:
        mos = mos.drop(columns="dataset_of")
    joined = mos.merge(scores[["dataset_of", "picture", "method", "label", "value"]], on=keys)
    if joined.empty:
        raise InputError(
            "no rated stimulus is in scores.csv: picture must be its image, method its model, "
            "dataset its dataset"
        )
    finite = np.isfinite(joined["value"].to_numpy(float))
    joined = joined.rename(columns={"label": "metric"})
    return joined[finite].reset_index(drop=True), _notes(mos, joined, finite)


def _with_variants(scores: pd.DataFrame) -> pd.DataFrame:
    """Name a model run in a variant as `bench run` names its pictures: a method of its own, `espcn@bf16`."""
    if "variant" not in scores.columns:
        return scores
    variants = scores["variant"].fillna("").astype(str)
    named = [
        method_name(str(model), variant) for model, variant in zip(scores["model"], variants, strict=True)
    ]
    return scores.assign(model=named)


def _labels(scores: pd.DataFrame) -> pd.Series:
    """Return the metric's name, with what tells two of the same name apart: protocol, scale, LR."""
    label = scores["metric"].astype(str)
    for name in ("protocol", "scale", "lr"):
        if scores[name].nunique() > 1:
            label = label + (" x" if name == "scale" else " ") + scores[name].astype(str)
    return label


def _check_one_value(scores: pd.DataFrame, keys: list[str]) -> None:
    twice = scores.duplicated(subset=keys)
    if twice.any():
        row = scores[twice].iloc[0]
        raise InputError(
            f"scores.csv has several values of {row['label']} for {row['method']} of {row['picture']}: "
            "give the ratings a dataset column, or keep one data set in scores.csv"
        )


def _notes(mos: pd.DataFrame, joined: pd.DataFrame, finite: Mask) -> tuple[str, ...]:
    notes = []
    if not finite.all():
        who = ", ".join(sorted(set(joined.loc[~finite, "method"])))
        notes.append(
            f"{int((~finite).sum())} infinite values left out ({who}): a picture equal to its original has "
            "no error."
        )
    found = len(joined[[name for name in mos.columns if name != "mos"]].drop_duplicates())
    if found < len(mos):
        notes.append(f"{len(mos) - found} of {len(mos)} rated stimuli are not in scores.csv.")
    return tuple(notes)

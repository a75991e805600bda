"""Metrics against people: how well each column of scores.csv predicts MOS. N points, B draws of pictures."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.statistics.bootstrap import draw_counts, percentile_interval
from mos_app.analysis.statistics.correlation import (
    Clusters,
    cluster_kendall,
    cluster_spearman,
    weighted_pearson,
)
from mos_app.analysis.statistics.logistic import fit_logistic, logistic, refitted_draws


@dataclass(frozen=True)
class Prediction:
    """One metric on one data set."""

    dataset: str
    metric: str
    level: str
    """`picture`: one point a stimulus; `method`: one point a method, its means."""
    x: Array
    """(N,) the metric."""
    mos: Array
    methods: tuple[str, ...]
    """(N,) whose picture it is."""
    curve: Array | None
    """(4,) of the logistic; None where it has too few points."""
    values: dict[str, float]
    """srocc, krocc, plcc, rmse."""
    draws: dict[str, Array]
    """The same in B draws of pictures; empty for methods, which are no sample."""


def predict(points: pd.DataFrame, *, draws: int, seed: int) -> Prediction:
    """Return how one metric predicts MOS per stimulus: `points` has dataset, metric, picture, method, value,
    mos.
    """
    x, y = points["value"].to_numpy(float), points["mos"].to_numpy(float)
    _refuse_too_little(x, y, points)
    picture, names = pd.factorize(points["dataset_of"] + "/" + points["picture"])
    clusters = Clusters(picture, draw_counts(len(names), draws, np.random.default_rng(seed)))
    curve = fit_logistic(x, y)
    drawn = {"srocc": cluster_spearman(x, y, clusters), "krocc": cluster_kendall(x, y, clusters)}
    drawn["plcc"], drawn["rmse"] = refitted_draws(x, y, clusters, curve)
    return _prediction(points, "picture", curve, drawn if len(names) > 1 else {})


def predict_methods(points: pd.DataFrame) -> Prediction:
    """Return how one metric orders the methods: means over pictures, without intervals for lack of a
    sample.
    """
    means = points.groupby("method", sort=False)[["value", "mos"]].mean().reset_index()
    means = means.assign(dataset=points["dataset"].iloc[0], metric=points["metric"].iloc[0])
    x, y = means["value"].to_numpy(float), means["mos"].to_numpy(float)
    _refuse_too_little(x, y, means)
    return _prediction(means, "method", fit_logistic(x, y) if len(x) > 5 else None, {})


def _refuse_too_little(x: Array, y: Array, points: pd.DataFrame) -> None:
    what = f"{points['metric'].iloc[0]} on {points['dataset'].iloc[0]}"
    if len(x) < 3:
        raise CannotSayError(f"{what}: {len(x)} points are too few for a correlation.")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise CannotSayError(f"{what}: the metric or the MOS does not vary.")


def _prediction(points: pd.DataFrame, level: str, curve: Array | None, drawn: dict[str, Array]) -> Prediction:
    x, y = points["value"].to_numpy(float), points["mos"].to_numpy(float)
    values = {
        "srocc": float(stats.spearmanr(x, y).statistic),
        "krocc": float(stats.kendalltau(x, y).statistic),
    }
    if curve is not None:
        fitted = logistic(x, curve)
        values["plcc"] = float(weighted_pearson(fitted, y, np.ones((1, len(x))))[0])
        values["rmse"] = float(np.sqrt(((fitted - y) ** 2).mean()))
    first = points.iloc[0]
    return Prediction(
        str(first["dataset"]),
        str(first["metric"]),
        level,
        x,
        y,
        tuple(points["method"]),
        curve,
        values,
        drawn,
    )


def prediction_table(predictions: list[Prediction]) -> pd.DataFrame:
    """Return one row a metric and data set: SROCC, KROCC, PLCC, RMSE, each with its 95 % interval."""
    return pd.DataFrame([_row(found) for found in predictions])


def _row(found: Prediction) -> dict[str, object]:
    row: dict[str, object] = {"dataset": found.dataset, "metric": found.metric, "level": found.level}
    row["points"] = len(found.x)
    for name in ("srocc", "krocc", "plcc", "rmse"):
        row[name] = found.values.get(name, np.nan)
        low, high = percentile_interval(found.draws[name]) if name in found.draws else (np.nan, np.nan)
        row[f"{name}_low"], row[f"{name}_high"] = float(low), float(high)
    return row


def metric_differences(predictions: list[Prediction]) -> pd.DataFrame:
    """Return one row a pair of metrics on one data set: which predicts people better, by paired draws.

    Compares |SROCC| on the same draws of pictures; p is twice the smaller tail. Metrics on other points, such
    as those with infinite values left out, are not compared.
    """
    rows = []
    for a, b in combinations([p for p in predictions if p.draws], 2):
        if a.dataset != b.dataset or len(a.x) != len(b.x):
            continue
        a, b = sorted((a, b), key=lambda p: -abs(p.values["srocc"]))
        drawn = np.abs(a.draws["srocc"]) - np.abs(b.draws["srocc"])
        low, high = percentile_interval(drawn)
        drawn = drawn[~np.isnan(drawn)]
        tail = min(((drawn <= 0).sum() + 1) / (len(drawn) + 1), ((drawn >= 0).sum() + 1) / (len(drawn) + 1))
        difference = abs(a.values["srocc"]) - abs(b.values["srocc"])
        p = min(2 * float(tail), 1.0)
        rows.append((a.dataset, a.metric, b.metric, difference, float(low), float(high), p))
    columns = ["dataset", "better", "worse", "difference", "boot_low", "boot_high", "p"]
    return pd.DataFrame(rows, columns=columns)

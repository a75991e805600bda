"""Mean opinion scores with their uncertainty: per stimulus, per method and data set, against the
reference.
"""

import numpy as np
import pandas as pd
from scipy import stats

from mos_app.analysis.arrays import Array, CannotSayError
from mos_app.analysis.input.panel import Crossing, Panel
from mos_app.analysis.input.ratings import ACR, Scale
from mos_app.analysis.statistics.crossed import crossed_mean


def stimulus_mos(panel: Panel, scale: Scale = ACR) -> pd.DataFrame:
    """Return MOS, spread and the 95 % t interval of each stimulus over raters, within the scale.

    With a single vote there is no interval.
    """
    votes = (~np.isnan(panel.scores)).sum(1)
    mos, deviation = mean_and_deviation(panel.scores)
    half = t_half_width(panel.scores)
    columns = {
        "votes": votes,
        "mos": mos,
        "sd": np.where(votes > 1, deviation, np.nan),
        "t_low": np.maximum(mos - half, scale.low),
        "t_high": np.minimum(mos + half, scale.high),
    }
    return panel.stimuli.reset_index(drop=True).assign(**columns)


def mean_and_deviation(scores: Array) -> tuple[Array, Array]:
    """Return (S,) mean and sample standard deviation over raters, NaN deviation with fewer than two votes."""
    seen = ~np.isnan(scores)
    votes = seen.sum(1)
    mean = np.where(seen, scores, 0.0).sum(1) / votes
    squares = (np.where(seen, scores - mean[:, None], 0.0) ** 2).sum(1)
    return mean, np.sqrt(np.divide(squares, votes - 1, out=np.full(len(votes), np.nan), where=votes > 1))


def t_half_width(scores: Array, level: float = 0.95) -> Array:
    """Return (S,) half the width of the t interval of each stimulus' MOS; NaN with fewer than two votes."""
    votes = (~np.isnan(scores)).sum(1)
    quantile = stats.t.ppf(0.5 + level / 2, np.maximum(votes - 1, 1))
    return np.asarray(quantile * mean_and_deviation(scores)[1] / np.sqrt(votes), dtype=float)


def method_mos(crossing: Crossing, scale: Scale = ACR) -> pd.DataFrame:
    """Return MOS of each method with its 95 % interval, raters and pictures both random.

    The interval is the crossed t interval, cut at the ends of the scale, beyond which no MOS lies.
    """
    mean = crossed_mean(crossing.scores)
    low, high = mean.interval()
    seen = ~np.isnan(crossing.scores)
    return pd.DataFrame(
        {
            "dataset": crossing.name,
            "method": crossing.methods,
            "pictures": seen.any(1).sum(-1),
            "raters": seen.any(2).sum(-1),
            "votes": seen.sum((1, 2)),
            "mos": mean.mean,
            "sd": [
                float(np.nanstd(table, ddof=1)) if (~np.isnan(table)).sum() > 1 else np.nan
                for table in crossing.scores
            ],
            "t_low": np.maximum(low, scale.low),
            "t_high": np.minimum(high, scale.high),
        }
    )


def method_dmos(crossing: Crossing, reference: str, scale: Scale) -> pd.DataFrame:
    """Return DMOS = score - score of the hidden reference + top of the scale, per method (P.910, ACR-HR).

    Both scores are of the same rater and picture; the interval is the crossed t interval, not
    cut: a method may be rated above the reference, so DMOS has no upper end.
    """
    if reference not in crossing.methods:
        raise CannotSayError(
            f"no hidden reference ({reference}) was rated on {crossing.name}, so there is no DMOS."
        )
    others = tuple(m for m in crossing.methods if m != reference)
    if not others:
        raise CannotSayError(f"only the reference was rated on {crossing.name}, so there is no DMOS.")
    base = crossing.scores[crossing.methods.index(reference)]
    mean = crossed_mean(crossing.of(others).scores - base + scale.high)
    low, high = mean.interval()
    columns = {"dataset": crossing.name, "method": others, "dmos": mean.mean, "t_low": low, "t_high": high}
    return pd.DataFrame(columns).dropna(subset="dmos").reset_index(drop=True)


def stimulus_dmos(panel: Panel, reference: str, scale: Scale) -> pd.DataFrame:
    """Return DMOS of each stimulus with its t interval over raters."""
    keys = panel.stimuli[["dataset", "picture"]].apply(tuple, axis=1)
    is_reference = (panel.stimuli["method"] == reference).to_numpy()
    if not is_reference.any():
        raise CannotSayError(f"no hidden reference ({reference}) was rated, so there is no DMOS.")
    row_of = dict(zip(keys[is_reference], np.flatnonzero(is_reference), strict=True))
    rows = [i for i, key in enumerate(keys) if not is_reference[i] and key in row_of]
    if not rows:
        raise CannotSayError(
            "no other version of a picture with a hidden reference was rated, so there is no DMOS."
        )
    difference = panel.scores[rows] - panel.scores[[row_of[keys.iloc[i]] for i in rows]] + scale.high
    voted = (~np.isnan(difference)).any(1)
    difference, stimuli = difference[voted], panel.stimuli.iloc[rows][voted].reset_index(drop=True)
    dmos, half = mean_and_deviation(difference)[0], t_half_width(difference)
    votes = (~np.isnan(difference)).sum(1)
    return stimuli.assign(votes=votes, dmos=dmos, t_low=dmos - half, t_high=dmos + half)


def sos_parameter(scores: Array, scale: Scale) -> float:
    """Return a of the SOS hypothesis s^2 = a (-m^2 + (l + h) m - l h), by least squares over stimuli.

    On 1 to 5: s^2 = a (-m^2 + 6 m - 5). Sample variance (ddof 1). Source: Hossfeld, Schatz & Egger (2011),
    SOS: the MOS is not enough, QoMEX.
    """
    mean, deviation = mean_and_deviation(scores)
    usable = ~np.isnan(deviation)
    shape = -(mean**2) + (scale.low + scale.high) * mean - scale.low * scale.high
    weight = float((shape[usable] ** 2).sum())
    if weight == 0:
        raise CannotSayError(
            "the SOS parameter needs a stimulus between the ends of the scale with two votes."
        )
    return float((shape[usable] * deviation[usable] ** 2).sum() / weight)

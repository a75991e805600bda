"""Root mean squared error, the distortion axis of the PIRM challenge's plane."""

import numpy as np

from bench.metric import metric
from bench.protocols.presets import View, check_views


@metric("rmse", higher_is_better=False, digits=3, source="sqrt(MSE) on 0-255, as in Blau et al., PIRM 2018")
def rmse_of(sr: View, hr: View) -> float:
    """Return the root of the mean squared error over all planes together, in grey levels."""
    check_views(sr, hr)
    difference = np.subtract(sr.planes, hr.planes, dtype=np.float64)
    return float(np.sqrt(np.mean(np.square(difference))))

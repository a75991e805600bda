"""Root mean squared error, the distortion axis of the PIRM challenge's plane."""

import math

from bench.metric import metric
from bench.protocols.presets import View, check_views
from sr_models.data.luma import mse


@metric("rmse", higher_is_better=False, digits=3, source="sqrt(MSE) on 0-255, as in Blau et al., PIRM 2018")
def rmse_of(sr: View, hr: View) -> float:
    """Return the root of the mean squared error over all planes together, in grey levels."""
    check_views(sr, hr)
    return math.sqrt(mse(sr.planes, hr.planes))

"""Bootstrap draws and the percentile interval, for statistics that have no closed error."""

import numpy as np

from mos_app.analysis.arrays import Array


def draw_counts(size: int, draws: int, rng: np.random.Generator) -> Array:
    """Return (draws, size): how often each of `size` units was drawn."""
    return rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(float)


def percentile_interval(values: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Return the percentile interval over the last axis; draws without any vote are passed over."""
    tail = 100 * (1 - level) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail], axis=-1)
    return low, high

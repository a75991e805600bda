"""The crossed test: is a mean different from zero when raters and pictures are both samples?

A claim about methods is a claim about the next picture and the next rater; so both are random, and a mean of
R x P ratings has far fewer than R x P degrees of freedom. Shapes: (..., R raters, P pictures).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from mos_app.analysis.arrays import Array
from mos_app.analysis.statistics.components import two_way_components


@dataclass(frozen=True)
class CrossedMean:
    """A mean over raters and pictures with what both contribute to its error; each of shape (...)."""

    mean: Array
    standard_error: Array
    """NaN where the table has fewer than two raters or two pictures, 0 where all cells are equal."""
    df: Array
    """Satterthwaite's degrees of freedom."""
    p: Array
    """Two-sided, against a mean of 0. NaN where there is no standard error to divide by."""
    rater_variance: Array
    picture_variance: Array
    residual_variance: Array

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Return the lower and upper end of the t interval."""
        half = stdtrit(self.df, 0.5 + level / 2) * self.standard_error
        return self.mean - half, self.mean + half

    @property
    def spread(self) -> Array:
        """Standard deviation of one rating of one rater of one picture: the unit of the effect size d."""
        return np.sqrt(self.rater_variance + self.picture_variance + self.residual_variance)


def crossed_mean(table: Array) -> CrossedMean:
    """Return mean, standard error, degrees of freedom and p, with raters and pictures random.

    For complete tables this is Clark's quasi-F, MS / (MS_rater + MS_picture - MS_residual), with negative
    components set to 0 (Clark 1973, J. Verbal Learning 12, 335; Satterthwaite 1946, Biometrics Bull. 2, 110).
    """
    parts = two_way_components(table)
    rater, picture = np.maximum(parts.first, 0.0), np.maximum(parts.second, 0.0)
    residual = np.maximum(parts.residual, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        from_residual = residual / parts.cells
        from_raters = parts.first_share * rater + from_residual
        from_pictures = parts.second_share * picture + from_residual
        variance = from_raters + from_pictures - from_residual
        leftover = parts.cells - parts.first_levels - parts.second_levels + 1
        df = variance**2 / (
            from_raters**2 / (parts.first_levels - 1)
            + from_pictures**2 / (parts.second_levels - 1)
            + from_residual**2 / leftover
        )
        standard_error = np.sqrt(variance)
        p = 2 * stdtr(df, -np.abs(parts.mean) / standard_error)
    return CrossedMean(parts.mean, standard_error, df, p, rater, picture, residual)

"""How often 95 % intervals of a difference of two methods' MOS hold the true one, raters and pictures random.

Studies are simulated with the variance components of VQEG HD3. docs/analysis.md quotes the table.

    python benchmarks/mos_interval_coverage.py
"""

import numpy as np

from mos_app.analysis.arrays import Array
from mos_app.analysis.statistics.bootstrap import draw_counts, percentile_interval
from mos_app.analysis.statistics.crossed import crossed_mean
from mos_app.analysis.statistics.simulation import VQEG_HD3

STUDIES, DRAWS = 2000, 500
RATERS = (10, 26)
PICTURES = (3, 5, 8, 14, 30)
TRUTH = 0.4


def main() -> None:
    """Print a Markdown table: coverage and mean width of both intervals."""
    print(
        "| raters | pictures | t, crossed | two-way bootstrap, percentiles | widths |\n|--:|--:|--:|--:|--:|"
    )
    for raters in RATERS:
        for pictures in PICTURES:
            (t, t_width), (boot, boot_width) = coverage(raters, pictures)
            print(f"| {raters} | {pictures} | {t:.3f} | {boot:.3f} | {t_width:.2f}, {boot_width:.2f} |")


def coverage(raters: int, pictures: int) -> list[tuple[float, float]]:
    """Return (coverage, mean width) of the crossed t interval and of the percentile interval."""
    rng = np.random.default_rng([raters, pictures])
    studies = TRUTH + _differences(rng, raters, pictures)
    ends = [crossed_mean(studies).interval()]
    means = np.array([_bootstrap_means(study, rng) for study in studies])
    ends.append(percentile_interval(means))
    return [
        (float(((low <= TRUTH) & (high >= TRUTH)).mean()), float((high - low).mean())) for low, high in ends
    ]


def _differences(rng: np.random.Generator, raters: int, pictures: int) -> Array:
    """Return (STUDIES, R, P) differences of two methods; what both share cancels."""
    parts = (
        (VQEG_HD3.method_rater, (STUDIES, raters, 1)),
        (VQEG_HD3.method_picture, (STUDIES, 1, pictures)),
        (VQEG_HD3.residual, (STUDIES, raters, pictures)),
    )
    return np.asarray(sum(rng.normal(0, np.sqrt(2 * variance), shape) for variance, shape in parts))


def _bootstrap_means(table: Array, rng: np.random.Generator) -> Array:
    """Return the means of draws of raters and of pictures (Owen 2007, the pigeonhole bootstrap)."""
    raters, pictures = table.shape
    drawn = (draw_counts(raters, DRAWS, rng) @ table) * draw_counts(pictures, DRAWS, rng)
    return np.asarray(drawn.sum(1) / table.size)


if __name__ == "__main__":
    main()

"""Make the figures of docs/analysis.md and the README from simulated studies with a fixed seed.

python docs/make_figures.py
"""

from pathlib import Path

import matplotlib as mpl

from bench.canvas import Plot, styled
from mos_app.analysis import figures
from mos_app.analysis.error_rates import simulate_null_studies
from mos_app.analysis.figures_people import error_rate_figure
from mos_app.analysis.panel import crossings_of, panel_of
from mos_app.analysis.ratings import ACR, check_ratings
from mos_app.analysis.simulation import PUBLISHED_MOS, VQEG_HD3, simulate_srgan_study

IMAGES = Path(__file__).parent / "images"
STUDIES = 2000


def save(plot: Plot, name: str) -> None:
    """Write a PNG on white, so that it also shows on a dark page."""
    with styled():
        plot.figure.savefig(IMAGES / name, dpi=220)


def error_rates() -> Plot:
    """Return the type-I error of three tests and print it."""
    found = simulate_null_studies(STUDIES, VQEG_HD3, raters=26, pictures=100, seed=0)
    p_values = {
        "Wilcoxon, all ratings": found.wilcoxon_ratings,
        "Wilcoxon, picture means": found.wilcoxon_pictures,
        "crossed test": found.crossed,
    }
    rates = {name: float((p < 0.05).mean()) for name, p in p_values.items()}
    print(rates)  # noqa: T201
    return error_rate_figure(rates, STUDIES)


def simulated_distributions() -> Plot:
    """Return the rating distributions of a simulated study of the paper's design, labelled as such."""
    panel = panel_of(check_ratings(simulate_srgan_study(seed=1)))
    crossing = next(c for c in crossings_of(panel, tuple(PUBLISHED_MOS["Set14"])) if c.name == "Set14")
    plot = figures.distributions(crossing, ACR)
    plot.figure.axes[0].set_title("Set14, simulated: 14 pictures, 26 raters", loc="left", fontsize=8.5)
    return plot


if __name__ == "__main__":
    mpl.use("Agg")
    IMAGES.mkdir(exist_ok=True)
    save(error_rates(), "error-rates.png")
    save(simulated_distributions(), "rating-distributions.png")

"""Make the figures of docs/analysis.md, docs/comparing.md and the README.

From simulated studies with a fixed seed, the reference scores, and pictures whose terms allow it.

python docs/make_figures.py
"""

import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy.stats import norm

from bench.analysis.columns import columns
from bench.analysis.compare import compare_columns
from bench.figures.differences import picture_differences
from bench.figures.grid import GridRequest, make_grid
from bench.figures.grid_sheet import write_grid
from bench.figures.style import COLUMN, INK, Plot, blank, styled
from bench.running.request import Request
from bench.running.run import run
from bench.store.table import read_scores
from benchmarks.mos_error_rates import simulate_null_studies
from mos_app.analysis.input.panel import crossings_of, panel_of
from mos_app.analysis.input.ratings import ACR, check_ratings
from mos_app.analysis.report.chapters.methods import distributions
from mos_app.analysis.report.drawing import ACCENT, QUIET
from mos_app.analysis.statistics.simulation import PUBLISHED_MOS, VQEG_HD3, simulate_srgan_study

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


def error_rate_figure(rates: dict[str, float], studies: int, nominal: float = 0.05) -> Plot:
    """Return how often each test calls two equal methods different, with the simulation's own 95 %
    interval.
    """
    names, y = list(rates), np.arange(len(rates))[::-1]
    with styled():
        figure, axes = blank(0.75 + 0.34 * len(names), left=1.62, width=1.4 * COLUMN)
        for row, name in zip(y, names, strict=True):
            rate = rates[name]
            half = norm.ppf(0.975) * (rate * (1 - rate) / studies) ** 0.5
            axes.barh(row, rate, height=0.55, color=QUIET if rate < 0.065 else ACCENT)
            axes.plot([rate - half, rate + half], [row, row], color=INK, lw=1)
            axes.text(rate + half + 0.01, row, f"{rate:.3f}", va="center")
        axes.axvline(nominal, color=INK, lw=0.8, ls=(0, (4, 3)))
        axes.set_yticks(y, names)
        axes.set(xlabel="share of null studies called significant at .05", xlim=(0, 0.75))
        axes.tick_params(axis="y", length=0)
    return Plot("error-rates", "Type-I error of three tests.", figure)


def simulated_distributions() -> Plot:
    """Return the rating distributions of a simulated study of the paper's design, labelled as such."""
    panel = panel_of(check_ratings(simulate_srgan_study(seed=1)))
    crossing = next(c for c in crossings_of(panel, tuple(PUBLISHED_MOS["Set14"])) if c.name == "Set14")
    plot = distributions(crossing, ACR)
    plot.figure.axes[0].set_title("Set14, simulated: 14 pictures, 26 raters", loc="left", fontsize=8.5)
    return plot


def bsd100_differences() -> Plot:
    """Return ESPCN against SRCNN 9-5-5 on BSD100, from the reference results."""
    scores = read_scores(Path(__file__).parents[1] / "results" / "reference")
    found = [score for score in scores if (score.dataset, score.protocol) == ("BSD100", "matlab")]
    psnr = [column for column in columns(found) if column.metric == "psnr"]
    (comparison,) = compare_columns(psnr, [("espcn", "srcnn-955")])
    plot = picture_differences(comparison)
    if plot is None:
        raise ValueError("results/reference lacks espcn or srcnn-955 on BSD100")
    return plot


def sample_grid() -> None:
    """Write the grid of a built-in picture (CC0)."""
    with tempfile.TemporaryDirectory() as folder:
        models = ("bicubic", "espcn", "srresnet-mse", "srgan-vgg53")
        run(Request(Path(folder), models=models))
        write_grid(make_grid(GridRequest(Path(folder), "chelsea")), IMAGES / "grid-chelsea.png")


if __name__ == "__main__":
    mpl.use("Agg")
    IMAGES.mkdir(exist_ok=True)
    sample_grid()
    save(bsd100_differences(), "differences-bsd100.png")
    save(error_rates(), "error-rates.png")
    save(simulated_distributions(), "rating-distributions.png")

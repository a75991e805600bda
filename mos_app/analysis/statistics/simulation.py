"""Simulated studies: ratings from variance components, on the discrete scale that people use."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from mos_app.analysis.arrays import Array
from mos_app.analysis.input.ratings import ACR


@dataclass(frozen=True)
class StudyVariances:
    """Variances of score = method + picture + rater + method x picture + method x rater + residual."""

    method_picture: float
    method_rater: float
    residual: float
    picture: float = 0.0
    rater: float = 0.0


# Variance components of the VQEG HD3 study. The main effects of picture and rater cancel in every difference;
# these two are assumed, for simulations that show raw scores.
VQEG_HD3 = StudyVariances(method_picture=0.155, method_rater=0.051, residual=0.313, picture=0.10, rater=0.06)


def simulate_scores(
    means: Array, variances: StudyVariances, *, raters: int, pictures: int, rng: np.random.Generator
) -> Array:
    """Return (M, R, P) integer scores 1 to 5 of methods with these latent means."""
    leaning = rng.normal(0, variances.rater**0.5, raters)
    return simulate_with_leaning(means, leaning, variances, pictures=pictures, rng=rng)


def simulate_with_leaning(
    means: Array, leaning: Array, variances: StudyVariances, *, pictures: int, rng: np.random.Generator
) -> Array:
    """Return (M, R, P) scores of raters whose leaning (R,) is known, as over several sets of pictures."""
    methods, raters = len(means), len(leaning)
    latent = means[:, None, None] + leaning[:, None] + rng.normal(0, variances.picture**0.5, pictures)
    latent += rng.normal(0, variances.method_picture**0.5, (methods, 1, pictures))
    latent += rng.normal(0, variances.method_rater**0.5, (methods, raters, 1))
    latent += rng.normal(0, variances.residual**0.5, (methods, raters, pictures))
    return np.clip(np.rint(latent), ACR.low, ACR.high)


# MOS of Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a GAN, tables 1 and 2.
PUBLISHED_MOS: dict[str, dict[str, float]] = {
    "Set5": {
        "nearest": 1.28, "bicubic": 1.97, "srcnn": 2.57, "selfexsr": 2.65, "drcn": 3.26, "espcn": 2.89,
        "srresnet-mse": 3.37, "srresnet-vgg22": 3.46, "srgan-mse": 3.77, "srgan-vgg22": 3.78,
        "srgan-vgg54": 3.58, "hr": 4.32,
    },
    "Set14": {
        "nearest": 1.20, "bicubic": 1.80, "srcnn": 2.26, "selfexsr": 2.34, "drcn": 2.84, "espcn": 2.52,
        "srresnet-mse": 2.98, "srresnet-vgg22": 3.15, "srgan-mse": 3.43, "srgan-vgg22": 3.57,
        "srgan-vgg54": 3.72, "hr": 4.32,
    },
    "BSD100": {
        "nearest": 1.11, "bicubic": 1.47, "srcnn": 1.87, "selfexsr": 1.89, "drcn": 2.12, "espcn": 2.01,
        "srresnet-mse": 2.29, "srgan-vgg54": 3.56, "hr": 4.46,
    },
}  # fmt: skip
_PICTURES = {"Set5": 5, "Set14": 14, "BSD100": 100}


def simulate_srgan_study(
    *, seed: int, raters: int = 26, copies: int = 1, repeats: int = 0, variances: StudyVariances = VQEG_HD3
) -> pd.DataFrame:
    """Return a made-up ratings table of the paper's design: 1128 ratings a rater, 29,328 with 26 raters.

    Its latent means are such that the expected score is the published MOS. `copies` multiplies the pictures,
    `repeats` adds hidden repeats per rater. The scores are simulated; nobody saw a picture.
    """
    rng = np.random.default_rng(seed)
    leaning = rng.normal(0, variances.rater**0.5, raters)
    tables = [_simulate_set(name, leaning, copies, variances, rng) for name in PUBLISHED_MOS]
    table = pd.concat(tables, ignore_index=True).assign(study="simulated", phase="main", repeat=0)
    table = pd.concat([table, _repeats(table, repeats, variances, rng)], ignore_index=True)
    table = table.assign(order=rng.random(len(table)) + table["repeat"]).sort_values(["rater", "order"])
    shown = table.groupby("rater").cumcount()
    seconds = rng.lognormal(0.9, 0.5, len(table)).clip(0.5).round(3)
    return table.drop(columns="order").assign(seconds=seconds, shown_at=shown * 4.0).reset_index(drop=True)


def _simulate_set(
    dataset: str, leaning: Array, copies: int, variances: StudyVariances, rng: np.random.Generator
) -> pd.DataFrame:
    mos, pictures = PUBLISHED_MOS[dataset], _PICTURES[dataset] * copies
    latent = np.array([latent_mean(value, variances) for value in mos.values()])
    scores = simulate_with_leaning(latent, leaning, variances, pictures=pictures, rng=rng)
    raters = [f"r{i:02d}" for i in range(1, len(leaning) + 1)]
    images = [f"img_{i:03d}" for i in range(1, pictures + 1)]
    index = pd.MultiIndex.from_product([list(mos), raters, images], names=["method", "rater", "picture"])
    return (
        pd.DataFrame({"score": scores.ravel().astype(int)}, index=index).reset_index().assign(dataset=dataset)
    )


def latent_mean(mos: float, variances: StudyVariances) -> float:
    """Return the latent mean whose rounded and cut scores average to `mos`."""
    v = variances
    spread = (v.method_picture + v.method_rater + v.residual + v.picture + v.rater) ** 0.5
    steps = (
        np.arange(ACR.low, ACR.high) + 0.5
    )  # a score is 1 plus the number of these that the latent exceeds
    return float(brentq(lambda m: ACR.low + stats.norm.sf(steps, m, spread).sum() - mos, -10, 16))


def _repeats(
    table: pd.DataFrame, count: int, variances: StudyVariances, rng: np.random.Generator
) -> pd.DataFrame:
    """Return `count` second ratings a rater, with fresh noise on top of the first."""
    if count == 0:
        return table.iloc[:0]
    chosen = table.groupby("rater").sample(count, random_state=rng)
    again = chosen["score"] + rng.normal(0, (2 * variances.residual) ** 0.5, len(chosen)) * 0.7
    return chosen.assign(score=again.round().clip(ACR.low, ACR.high).astype(int), repeat=1)

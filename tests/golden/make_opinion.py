"""Make opinion.json: a small synthetic study and what independent implementations say of it.

Run once, with the development extras installed: python tests/golden/make_opinion.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from scipy import stats
from sureal.dataset_reader import RawDatasetReader
from sureal.subjective_model import (
    BiasremvSubjrejMosModel,
    MosModel,
    SubjectMLEModelProjectionSolver2,
    SubjrejMosModel,
)


def make_scores() -> np.ndarray:
    """40 stimuli x 14 raters, rater 3 votes at random."""
    rng = np.random.default_rng(20)
    quality = rng.uniform(1.2, 4.8, 40)
    scores = quality[:, None] + rng.normal(0, 0.25, 14) + rng.normal(0, 0.6, (40, 14))
    scores[:, 3] = rng.uniform(0.5, 5.5, 40)
    return np.clip(np.rint(scores), 1, 5)


class Dataset:
    """What sureal wants of a dataset."""

    dataset_name, yuv_fmt, width, height, ref_score = "synthetic", "yuv420p", 0, 0, 5.0

    def __init__(self, scores: np.ndarray) -> None:
        self.ref_videos = [{"content_id": i, "content_name": str(i), "path": ""} for i in range(len(scores))]
        self.dis_videos = [
            {"content_id": i, "asset_id": i, "os": row.tolist(), "path": ""} for i, row in enumerate(scores)
        ]


def sureal(model: type, scores: np.ndarray) -> dict:
    return model(RawDatasetReader(Dataset(scores))).run_modeling()


def expected(scores: np.ndarray) -> dict[str, object]:
    bt500, p913 = sureal(SubjrejMosModel, scores), sureal(BiasremvSubjrejMosModel, scores)
    recovered = sureal(SubjectMLEModelProjectionSolver2, scores)
    long = pd.DataFrame(
        [(s, r, scores[s, r]) for s in range(40) for r in range(14)], columns=["stimulus", "rater", "score"]
    )
    icc = pingouin.intraclass_corr(long, targets="stimulus", raters="rater", ratings="score").set_index(
        "Type"
    )
    icc.index = icc.index.str.replace(r"[(),]", "", regex=True)
    single, average = ("ICC2", "ICC2k") if "ICC2" in icc.index else ("ICCA1", "ICCAk")
    bounds = next(name for name in icc.columns if name.startswith("CI"))
    return {
        "mos": sureal(MosModel, scores)["quality_scores"],
        "bt500_rejected": np.flatnonzero(bt500["observer_rejected"]).tolist(),
        "bt500_mos": bt500["quality_scores"],
        "p913_rejected": np.flatnonzero(p913["observer_rejected"]).tolist(),
        "p913_mos": p913["quality_scores"],
        "bias": p913["observer_bias"],
        "recovered_quality": recovered["quality_scores"],
        "recovered_bias": recovered["observer_bias"],
        "recovered_bias_ci": recovered["observer_bias_ci95"][0],
        "inconsistency": recovered["observer_inconsistency"],
        "inconsistency_ci": recovered["observer_inconsistency_ci95"],
        "icc": icc.loc[[single, average], "ICC"].tolist(),
        "icc_ci": [list(map(float, v)) for v in icc.loc[[single, average], bounds]],
        "alpha": {
            level: krippendorff.alpha(reliability_data=scores.T, level_of_measurement=level)
            for level in ("ordinal", "interval", "nominal")
        },
        "kendalls_w": stats.friedmanchisquare(*scores).statistic / (14 * 39),
    }


def plain(value: object) -> object:
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    scores = make_scores()
    made_by = {name: version(name) for name in ("sureal", "pingouin", "krippendorff", "scipy")}
    document = {"made_by": made_by, "scores": scores.astype(int).tolist(), **expected(scores)}
    Path(__file__).with_name("opinion.json").write_text(json.dumps(document, default=plain, indent=1) + "\n")

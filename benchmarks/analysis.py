"""Time and memory of `mos analyse` on a study of the SRGAN paper's size, and on one ten times as large.

Peer: sureal 0.9 on the same ratings, for the screening and recovery that both do.

    python benchmarks/analysis.py            # both sizes
    python benchmarks/analysis.py --peer     # screening and recovery against sureal, in one run
"""

import argparse
import contextlib
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mos_app.analysis.statistics.simulation import PUBLISHED_MOS, simulate_srgan_study


def write_study(folder: Path, copies: int) -> None:
    """Write ratings.csv and a made-up scores.csv with four metrics."""
    table = simulate_srgan_study(seed=1, copies=copies, repeats=20)
    table.to_csv(folder / "ratings.csv", index=False)
    rng = np.random.default_rng(0)
    keys = table[["dataset", "picture", "method"]].drop_duplicates()
    mos = np.array([PUBLISHED_MOS[row.dataset][row.method] for row in keys.itertuples()])
    made = keys.rename(columns={"picture": "image", "method": "model"})
    metrics = [
        made.assign(metric=name, value=mos + rng.normal(0, noise, len(mos)))
        for name, noise in (("psnr", 2.0), ("ssim", 1.5), ("lpips", 0.6), ("dists", 0.8))
    ]
    scores = pd.concat(metrics).assign(scale=4, lr="matlab", protocol="rgb", key="0")
    scores.to_csv(folder / "scores.csv", index=False)


def measure(copies: int, *, with_scores: bool) -> tuple[int, float, float]:
    """Return ratings, seconds and peak GB of a fresh process that runs `mos analyse`, report included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, copies)
        ratings = sum(1 for _ in (folder / "ratings.csv").open()) - 1
        command = [
            sys.executable,
            __file__,
            "--child",
            str(folder / "ratings.csv"),
            "--out",
            str(folder / "out"),
        ]
        command += ["--scores", str(folder / "scores.csv")] if with_scores else []
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return ratings, time.perf_counter() - start, float(done.stdout.splitlines()[-1])


def child(arguments: list[str]) -> None:
    """Run `mos analyse` and print the peak memory in GB."""
    from mos_app.cli import main

    with contextlib.redirect_stdout(io.StringIO()):
        main(["analyse", *arguments])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def against_sureal() -> None:
    """Print the time of BT.500, P.913 and P.910 Annex E on 1128 x 26 votes, ours and sureal's."""
    from types import SimpleNamespace

    from sureal.dataset_reader import RawDatasetReader
    from sureal.subjective_model import (
        BiasremvSubjrejMosModel,
        SubjectMLEModelProjectionSolver2,
        SubjrejMosModel,
    )

    from mos_app.analysis.input.panel import panel_of
    from mos_app.analysis.input.ratings import check_ratings
    from mos_app.analysis.statistics.likelihood import recover_quality
    from mos_app.analysis.statistics.screening import bt500_rejection, remove_bias

    scores = panel_of(check_ratings(simulate_srgan_study(seed=1))).scores
    references = [{"content_id": i, "content_name": str(i), "path": ""} for i in range(len(scores))]
    videos = [
        {"content_id": i, "asset_id": i, "os": row.tolist(), "path": ""} for i, row in enumerate(scores)
    ]
    dataset = SimpleNamespace(
        dataset_name="s", yuv_fmt="yuv420p", width=0, height=0, ref_videos=references, dis_videos=videos
    )
    rules = {
        "BT.500": (lambda: bt500_rejection(scores), SubjrejMosModel),
        "P.913": (lambda: bt500_rejection(remove_bias(scores)), BiasremvSubjrejMosModel),
        "P.910 E": (lambda: recover_quality(scores), SubjectMLEModelProjectionSolver2),
    }
    for name, (ours, theirs) in rules.items():
        own = min(_seconds(ours) for _ in range(5))
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            model = theirs(RawDatasetReader(dataset))
            peer = min(_seconds(model.run_modeling) for _ in range(2))
        print(
            f"{name:8} {own * 1000:8.1f} ms   sureal {peer * 1000:8.1f} ms   {peer / own:6.1f} times as fast"
        )


def _seconds(run: object) -> float:
    start = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        raise SystemExit
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", action="store_true", help="screening and recovery against sureal")
    if parser.parse_args().peer:
        against_sureal()
        raise SystemExit
    for copies in (1, 10):
        for with_scores in (False, True):
            ratings, seconds, memory = measure(copies, with_scores=with_scores)
            extra = "with four metrics" if with_scores else "ratings alone   "
            print(f"{ratings:9,} ratings, {extra}  {seconds:6.1f} s   peak {memory:.2f} GB", flush=True)

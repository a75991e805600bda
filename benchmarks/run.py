"""How fast is `bench run`? The command itself beside a plain script that does the same work, in one run.

    SRMOS_DATA=... python benchmarks/run.py [--networks] [--repeats 5]

nearest and bicubic over Set5, Set14 and BSD100: decode HR, make LR, upscale, save PNG files, PSNR and SSIM.
The plain script (benchmarks/plain_run.py) does it with scikit-image and Pillow. Both sides run by turns, each
a process of its own from start to end, and the best of the repeats counts: other programs only add.
--networks adds bench's overhead over bare forward passes. docs/speed.md shows the output.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
BENCH = [sys.executable, "-c", "import sys; from bench.cli import main; sys.exit(main())", "run"]
WORK = ["--datasets", "Set5", "Set14", "BSD100", "--models", "nearest", "bicubic"]


def main() -> None:
    """Time everybody by turns, then print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = folder / "done"
        new = [*BENCH, *WORK, "--results", "OUT"]
        _run([*BENCH, *WORK, "--results", str(done)])  # also compiles, once on a machine
        sides: dict[str, Callable[[], float]] = {
            "plain script": partial(_timed, [sys.executable, str(HERE / "plain_run.py"), "OUT"], folder),
            "bench run": partial(_timed, new, folder),
            "bench run --no-plots": partial(_timed, [*new, "--no-plots"], folder),
            "bench run --no-plots --jobs 2": partial(_timed, [*new, "--no-plots", "--jobs", "2"], folder),
            "bench run, nothing to compute": partial(_run, [*BENCH, *WORK, "--results", str(done)]),
        }
        _print(sides, args.repeats)
    if args.networks:
        _networks(args.repeats)


def _networks(repeats: int) -> None:
    """Bench's overhead over what decoding and the network alone take, on the same pictures."""
    with tempfile.TemporaryDirectory() as name:
        for model, datasets in (("espcn", ("Set5", "Set14", "BSD100")), ("srresnet-mse", ("Set5", "Set14"))):
            work = ["--datasets", *datasets, "--models", model, "--no-plots", "--results", "OUT"]
            bare = [sys.executable, str(HERE / "bare_run.py"), model, *datasets]
            _print(
                {
                    f"{model} over {', '.join(datasets)}: forward passes alone": partial(_run, bare),
                    f"{model}: bench run": partial(_timed, [*BENCH, *work], Path(name)),
                },
                repeats,
            )


def _print(sides: dict[str, Callable[[], float]], repeats: int) -> None:
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(repeats):
        for name, side in sides.items():
            best[name] = min(best[name], side())
    first = next(iter(best.values()))
    load = os.getloadavg()[0]
    print(f"\nbest of {repeats} by turns; load {load:.1f} at the end\n")
    print("| | seconds | times faster |\n|---|---:|---:|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds:.2f} | {first / seconds:.2f} |")


def _timed(command: Sequence[str], folder: Path) -> float:
    """Seconds of a command that writes into OUT, an empty folder each time."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    return _run([str(out) if part == "OUT" else part for part in command])


def _run(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""What does a picture cost beyond its scores when others do the work? 1,000 small pictures, by turns.

    OMP_NUM_THREADS=1 python benchmarks/cluster.py [--pictures 1000] [--repeats 2]

`bench run` of nearest over pictures of 48x48, whose own work takes a few ms: one process, `--jobs 2`, and a
Dask scheduler with two workers on this machine. The time of all pictures less that of a tenth of them is
divided, so that starting is left out. docs/cluster.md shows the output.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sr_models.data.image import write_image

BENCH = [sys.executable, "-c", "import sys; from bench.cli import main; sys.exit(main())", "run"]


def main() -> None:
    """Make pictures, time everybody by turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _dask() as address:
        folder = Path(name)
        dice = np.random.default_rng(0)
        for n in range(args.pictures):
            write_image(folder / "in" / f"p{n:04}.png", dice.integers(0, 256, (48, 48, 3), np.uint8))
        sides = {
            "one process": [],
            "`--jobs 2`": ["--jobs", "2"],
            "Dask, two workers": ["--cluster", address],
        }
        best = {side: [float("inf"), float("inf")] for side in sides}
        for repeat in range(args.repeats):
            for side, options in sides.items():
                for i, limit in enumerate((args.pictures // 10, args.pictures)):
                    out = folder / f"{side}-{limit}-{repeat}"
                    best[side][i] = min(best[side][i], _seconds(folder / "in", out, limit, options))
    load = os.getloadavg()[0]
    print(f"\nbest of {args.repeats} by turns; load {load:.1f} at the end, {os.cpu_count()} cores\n")
    print("| | seconds, all | ms a picture | overhead beside one process, ms |\n|---|---:|---:|---:|")
    each = {
        side: 1000 * (all_ - some) / (args.pictures - args.pictures // 10)
        for side, (some, all_) in best.items()
    }
    for side, (_, all_) in best.items():
        print(f"| {side} | {all_:.1f} | {each[side]:.2f} | {each[side] - each['one process']:+.2f} |")


def _seconds(pictures: Path, out: Path, limit: int, options: list[str]) -> float:
    command = [*BENCH, "--datasets", f"mine={pictures}", "--models", "nearest", "--limit", str(limit)]
    start = time.perf_counter()
    subprocess.run(
        [*command, "--results", str(out), "--no-plots", *options],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


@contextmanager
def _dask() -> Iterator[str]:
    """A scheduler and two workers on this machine."""
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    dask = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*dask, "distributed.cli.dask_scheduler", "--port", "0", *here], stderr=subprocess.PIPE, text=True
    )
    address = next(line.split()[-1] for line in scheduler.stderr or () if "Scheduler at:" in line)
    worker = [*dask, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", *here]
    workers = [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        yield address
    finally:
        for process in [*workers, scheduler]:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()

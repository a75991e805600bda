"""Time of `selfexsr` from 120x80 to 480x320, level by level, after the kernels are compiled.

python benchmarks/selfexsr.py                  # all cores
OMP_NUM_THREADS=1 python benchmarks/selfexsr.py
"""

import time

import numpy as np

from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.resize import imresize
from sr_models.selfexsr.upscale import Options, SelfExsr


def main() -> None:
    """Print seconds and CPU seconds of each level, and of the whole, for both numbers of iterations."""
    lr = load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").lr
    lr = np.resize(lr, (80, 120, 3)) if min(lr.shape[:2]) < 80 or lr.shape[1] < 120 else lr[:80, :120]
    SelfExsr(4)(imresize(lr, 0.25))  # compiles
    for name, options in (
        ("selfexsr", Options()),
        ("selfexsr-quick", Options(iterations=(6, 4, 3, 2, 2, 2))),
    ):
        marks = [(time.perf_counter(), time.process_time())]

        def mark(number, size, costs, marks=marks):
            marks.append((time.perf_counter(), time.process_time()))
            wall, cpu = np.subtract(marks[-1], marks[-2])
            spent = f"{wall:.2f} s, {cpu:.2f} s of CPU"
            print(f"  level {number} {size[1]}x{size[0]}: {spent}, cost {costs[-1]:.2e}")

        SelfExsr(4, options).enlarge(lr, mark)
        wall, cpu = np.subtract((time.perf_counter(), time.process_time()), marks[0])
        print(f"{name}: {wall:.2f} s, {cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()

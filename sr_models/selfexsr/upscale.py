"""From level to level: enlarge, match, vote, back-project."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.data.image import Image
from sr_models.selfexsr import patchmatch, planes, voting
from sr_models.selfexsr.back_projection import back_project
from sr_models.selfexsr.patch_cost import REACH
from sr_models.selfexsr.pyramid import (
    Level,
    Pixels,
    Size,
    Sources,
    coarser_sizes,
    finer_sizes,
    level,
    resize,
    sources,
    with_border,
)
from sr_models.selfexsr.transforms import COST, Field, enlarged, in_place

# H, W of the level that is being made; 1/alpha, the size of a level by that of the one below.

ITERATIONS = (12, 9, 6, 3, 3, 3)  # of PatchMatch, from the smallest level on; further levels take the last
SOURCE_LEVELS = 5  # a patch comes from one of so many levels below it
SCALES = (0.97, 2.0)  # smallest and largest source scale, in units of 1/alpha
COARSER = 1.12  # how much larger a source's steps may be than the pixels of the coarsest level
KEPT = np.float32(0.25)  # part of the softly enlarged picture in the result of a vote

Report = Callable[[int, Size, list[float]], None]
"""Called with a level's number and size, and the mean cost before the first and after each iteration."""


@dataclass(frozen=True)
class Options:
    """What a user may change; the reference scores use the defaults."""

    iterations: tuple[int, ...] = ITERATIONS
    """Of PatchMatch at each level, the smallest first: quality against time."""
    seed: int = 0
    planes: bool = False
    """Also search along perspective planes, found from vanishing points."""
    threads: int | None = None
    """None: OMP_NUM_THREADS, else every core; the result is the same for any number."""

    def __post_init__(self) -> None:
        if not self.iterations or min(self.iterations) < 0:
            raise InputError(
                f"expected a number of iterations, 0 or more, for each level, got {self.iterations}"
            )


@dataclass(frozen=True)
class SelfExsr:
    """A picture enlarged from its own patches: no training, no weights."""

    scale: int
    options: Options = Options()

    def __post_init__(self) -> None:
        if self.scale < 2:
            raise InputError(f"expected a scale of 2 or more, got {self.scale}")

    def __call__(self, lr: Image) -> Image:
        """Return lr at scale times its size."""
        return np.asarray(np.floor(self.enlarge(lr) * 255 + np.float32(0.5)), np.uint8)

    def enlarge(self, lr: Image, report: Report | None = None) -> Pixels:
        """Return the same in [0, 1] before rounding; report is called after each level."""
        small = lr.astype(np.float32) / np.float32(255)
        sizes = finer_sizes(small.shape[:2], self.scale)
        ratio = self.scale ** (1 / len(sizes))
        levels = [level(small, ratio)]
        levels += [
            level(resize(small, size), ratio) for size in coarser_sizes(small.shape[:2], SOURCE_LEVELS)
        ]
        found = planes.find_planes(lr, self.options.seed) if self.options.planes else None
        field = None
        with ThreadPoolExecutor(_threads(self.options)) as pool:
            for number, size in enumerate(tqdm(sizes, "selfexsr", unit="level", leave=False, disable=None)):
                start = in_place(size, ratio) if field is None else enlarged(field, size)
                work = _Work(start, levels, ratio, pool)
                costs = work.match(self.options, number, found)
                if report:
                    report(number, size, costs)
                levels.insert(0, level(back_project(work.vote(), small).clip(0, 1), ratio))
                field = work.field
        return levels[0].sharp


def _threads(options: Options) -> int:
    """Return how many threads to use; `bench run --jobs` sets OMP_NUM_THREADS."""
    if options.threads is not None:
        return options.threads
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else os.cpu_count() or 1


class _Work:
    """One level while it is made."""

    def __init__(self, field: Field, levels: list[Level], ratio: float, pool: ThreadPoolExecutor) -> None:
        self.field = field
        self.size: Size = (field.shape[0], field.shape[1])
        self.soft = resize(levels[0].sharp, self.size)
        self.target = with_border(self.soft, REACH)
        self.sources: Sources = sources(levels[:SOURCE_LEVELS], self.size)
        coarsest = COARSER / np.sqrt(np.prod(self.sources.factor[-1]))
        smallest, largest = SCALES[0] * ratio, min(SCALES[1] * ratio, coarsest)
        self.limits = np.array([smallest**2, largest**2, ratio], np.float32)
        self.pool = pool

    def match(self, options: Options, number: int, found: planes.Planes | None) -> list[float]:
        """Search; return the mean cost before the first and after each iteration."""
        height, width = self.size
        common = (self.field, self.target, self.limits, self.sources)
        on_level = planes.at_level(found, self.size) if found is not None and len(found.lines) else None
        self._on_lines(height, patchmatch.assess, *common)
        costs = [float(self.field[..., COST].mean())]
        for iteration in range(options.iterations[min(number, len(options.iterations) - 1)]):
            chance = np.random.SeedSequence((options.seed, number, iteration)).generate_state(1, np.uint64)[0]
            self._on_lines(height, patchmatch.search, chance, *common)
            if on_level is not None:
                self._on_lines(height, planes.search_planes, ~chance, *on_level, *common)
            for step in (1, -1):
                self._on_lines(height, patchmatch.propagate_along_rows, step, *common)
                self._on_lines(width, patchmatch.propagate_along_columns, step, *common)
            costs.append(float(self.field[..., COST].mean()))
        return costs

    def vote(self) -> Pixels:
        """Return the level as voted by its patches, (H, W, 3)."""
        height = self.size[0]
        bias, voted = np.empty((*self.size, 3), np.float32), np.empty((*self.size, 3), np.float32)
        self._on_lines(height, voting.find_biases, self.field, self.target, self.sources, bias)
        self._on_lines(height, voting.vote, self.field, bias, self.sources, voted)
        return voted + KEPT * (self.soft - voted)

    def _on_lines(self, lines: int, kernel: Callable[..., None], *arguments: Any) -> None:
        """Run kernel(first, last, ...) over all lines, a range for each thread."""
        ends = np.linspace(0, lines, self.pool._max_workers + 1).astype(int)
        for done in [
            self.pool.submit(kernel, int(first), int(last), *arguments)
            for first, last in itertools.pairwise(ends)
        ]:
            done.result()

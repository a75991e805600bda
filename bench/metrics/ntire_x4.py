"""The score of NTIRE's x4 challenges, perceptual track, from the parts that a run has."""

from bench.metric import METRICS, CompositeMetric, Term

METRICS.add(
    "ntire_x4",
    CompositeMetric(
        name="ntire_x4",
        unit="",
        higher_is_better=True,
        digits=4,
        source="NTIRE image super-resolution x4, perceptual score of 2024 and 2025: a sum of six metrics",
        version="1",
        terms=(
            Term("lpips", "1-lpips", lambda value: 1 - value),
            Term("dists", "1-dists", lambda value: 1 - value),
            Term("niqe", "max(0,(10-niqe)/10)", lambda value: max(0.0, (10 - value) / 10)),
            Term("pyiqa_clipiqa", "clipiqa", lambda value: value),
            Term("pyiqa_maniqa", "maniqa", lambda value: value),
            Term("pyiqa_musiq", "musiq/100", lambda value: value / 100),
        ),
        needed=("lpips", "dists", "niqe"),
        scale=4,
    ),
)

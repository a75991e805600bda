"""What people said of a picture: not computed, but read from a study (`--ratings`)."""

from bench.metric import METRICS, RatedMetric

METRICS.add(
    "mos",
    RatedMetric(
        name="mos",
        unit="",
        higher_is_better=True,
        digits=2,
        source="mean opinion score of each picture, from `mos analyse` by --ratings",
        version="1",
    ),
)

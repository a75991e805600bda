"""What the chapters' figures share: sizes, two colours, and a row for each method."""

from matplotlib.axes import Axes

from bench.palette import label_of

ROW_INCH = 0.2
LABELS_INCH = 1.12
"""For the longest label, SRResNet-VGG22."""
MOST_METHODS = 24
"""More do not fit a column."""
ACCENT, QUIET = "#c2570c", "#4477aa"


def method_rows(axes: Axes, methods: list[str]) -> None:
    """Label the rows of a figure with one method each, from the bottom up."""
    axes.set_yticks(range(len(methods)), [label_of(m) for m in methods])
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)

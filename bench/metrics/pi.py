"""The perceptual index: named here so that asking for it gets an answer."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from bench.perceptual.scene import Scene


@picture_metric(
    "pi",
    higher_is_better=False,
    digits=3,
    source="Blau et al., PIRM 2018: ((10 - Ma) + NIQE) / 2; needs no reference",
    options="no-reference,((10-Ma)+NIQE)/2",
    never=(
        "PI is ((10 - Ma) + NIQE) / 2, and Ma et al.'s score (CVIU 2017) exists as MATLAB code and forests "
        "without a licence, so nobody may rebuild it here: run theirs, and take NIQE from --metrics niqe"
    ),
)
def pi(scene: "Scene") -> list[float]:
    """Return nothing: `never` says why."""
    raise NotImplementedError

"""MDSI: deviation of gradient and colour similarity."""

from typing import TYPE_CHECKING

from bench.metric import picture_metric

if TYPE_CHECKING:
    from torch import Tensor

    from bench.perceptual.scene import Scene


@picture_metric(
    "mdsi",
    higher_is_better=False,
    digits=4,
    source="Nafchi et al., IEEE Access 4, 2016",
    options="LHM,mean of round(side/256) pixels first,sum,c=140/55/550,alpha=0.6,rho=1,q=o=0.25,[0,255]",
    libraries=("piq",),
    min_side=8,
)
def mdsi(scene: "Scene") -> "Tensor":
    """Return MDSI, 0 for the same picture."""
    import piq

    return piq.mdsi(  # type: ignore[no-any-return]
        scene.sr, scene.hr_repeated, data_range=1.0, reduction="none", c1=140.0, c2=55.0, c3=550.0,
        combination="sum", alpha=0.6, beta=0.1, gamma=0.2, rho=1.0, q=0.25, o=0.25,
    )  # fmt: skip

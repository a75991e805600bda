"""Metrics that a user's own pyiqa computes: its licence forbids commercial use, so srmos never brings it."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bench.metric import Judge, picture_metric

if TYPE_CHECKING:
    import torch

    from bench.perceptual.scene import Scene


def _register(name: str, theirs: str, source: str, *, digits: int = 4, no_reference: bool = True) -> None:
    def judge(scene: "Scene") -> "torch.Tensor":
        import torch

        model = _model(theirs, scene.device)
        hr = () if no_reference else (scene.hr,)
        return torch.cat(
            [model(part, *(each.expand_as(part) for each in hr)).reshape(-1) for part in scene.parts()]
        )

    judged: Judge = judge
    picture_metric(
        name,
        higher_is_better=True,
        digits=digits,
        source=f"{source}; by your own pyiqa",
        options=f"{'no-reference,' if no_reference else ''}pyiqa's {theirs},[0,1]",
        libraries=("pyiqa",),
        min_side=32,
        no_reference=no_reference,
    )(judged)


@lru_cache(maxsize=8)
def _model(theirs: str, device: "torch.device") -> Any:
    import pyiqa

    return pyiqa.create_metric(theirs, device=device)


_register("pyiqa_clipiqa", "clipiqa", "Wang et al., AAAI 2023")
_register("pyiqa_musiq", "musiq", "Ke et al., ICCV 2021 (KonIQ)", digits=2)
_register("pyiqa_maniqa", "maniqa", "Yang et al., CVPRW 2022 (KonIQ)")
_register("pyiqa_maniqa_pipal", "maniqa-pipal", "Yang et al., CVPRW 2022 (PIPAL)")
_register("pyiqa_topiq_nr", "topiq_nr", "Chen et al., IEEE TIP 33, 2024, without reference")
_register("pyiqa_topiq_fr", "topiq_fr", "Chen et al., IEEE TIP 33, 2024", no_reference=False)

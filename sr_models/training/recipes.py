"""Published runs, and what a person has time for: each a function that returns a TrainConfig."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sr_models.data.errors import UnknownNameError
from sr_models.networks.config import NetworkConfig
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training.features import Layer

Schedule = Literal["paper", "fast", "gpu"]
"""`paper`: as published. `fast`: what a CPU can do. `gpu`: larger batches for one fast GPU."""


@dataclass(frozen=True)
class LearningRate:
    """lr over progress t, which runs from 0 (first step) to 1 (last): warm up, stay, change."""

    peak: float
    warmup_steps: int = 0
    stay: float = 1.0
    """Share of the run before the decay starts."""
    end: float | None = None
    """lr after stay: reached in one jump if `jump`, else along a straight line that ends at t = 1."""
    jump: bool = False

    def at(self, step: int, progress: float) -> float:
        """Return lr at a step (counted from 0) and its progress."""
        lr = self.peak
        if self.end is not None and progress >= self.stay:
            fall = 1.0 if self.jump else (progress - self.stay) / max(1e-9, 1 - self.stay)
            lr = self.peak + min(1.0, fall) * (self.end - self.peak)
        return lr * min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else lr


@dataclass(frozen=True)
class LateCrops:
    """What a batch is from a share of the run on: larger crops have fewer pixels near a border."""

    start: float
    batch: int
    crop_px: int


@dataclass(frozen=True)
class Adversary:
    """The discriminator D, and what it may say."""

    weight: float = 1e-3
    """Of l_Gen in the generator's loss."""
    width: int = 64
    """Channels of D's first layer; the paper's."""
    rate: float = 1.0
    """D's learning rate, as a multiple of the generator's."""
    alone: int = 0
    """Steps in which only D learns, so that the generator first follows a D that has seen something."""


@dataclass(frozen=True)
class Recursions:
    """DRCN's supervision: alpha * mean of the recursions' MSE + (1 - alpha) * MSE of their weighted sum."""

    alpha_zero_at: float = 0.7
    """Share of the run over which alpha falls from 1 to 0."""

    def alpha(self, progress: float) -> float:
        """Return alpha at progress 0 to 1."""
        return max(0.0, 1.0 - progress / self.alpha_zero_at) if self.alpha_zero_at else 0.0


class Part(NamedTuple):
    """Steps that are alike in all but their pictures and rates."""

    batch: int
    crop_px: int
    discriminator_alone: bool


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run besides the pictures."""

    name: str
    """The model's name (CONTRACTS: srresnet-mse, srgan-vgg22, ...)."""
    network: NetworkConfig
    steps: int
    lr: LearningRate
    minutes: float | None = None
    """If given, the run takes this long instead of `steps`, and the schedule is stretched to it."""
    batch: int = 16
    crop_px: int = 96
    """Side of an HR crop."""
    late: LateCrops | None = None
    content: Literal["mse"] | Layer = "mse"
    adversary: Adversary | None = None
    recursions: Recursions | None = None
    """For a DRCN."""
    total_variation: float = 0.0
    """Weight of the total variation loss."""
    phase: float = 0.0
    """Weight of the pattern loss (losses.phase_pattern), which is not in the paper."""
    artefacts: float = 0.0
    """Weight of LDL's loss against artefacts (losses.artefacts), which is not in the paper."""
    target_share: float = 0.0
    """Weight of a teacher's targets in the content loss; the original's is 1 - target_share."""
    start: str | None = None
    """Name of the model whose weights the generator starts from."""
    frozen_norm: bool = False
    """Whether the generator's batch norms keep the averages it starts with, in place of each batch's own: in
    small batches those wander, and the averaged ones used afterwards shift colours."""
    optimiser: Literal["adam", "soap", "muon"] = "adam"
    """The generator's. `muon` is for SRResNet; `soap` for small networks, and takes no CUDA graph."""
    ema: float = 0.0
    """Decay of the averaged weights that are validated and shipped; 0: the last ones are."""
    best_by: Literal["psnr", "last"] = "psnr"
    """What is shipped: the highest held-out luma PSNR, or (GANs, which trade PSNR away) the last step."""
    seed: int = 0

    def part(self, step: int, progress: float) -> Part:
        """Return what a step, counted from 0, is made of; progress is 0 to 1."""
        alone = self.adversary is not None and step < self.adversary.alone
        if self.late is not None and progress >= self.late.start:
            return Part(self.late.batch, self.late.crop_px, alone)
        return Part(self.batch, self.crop_px, alone)


Recipe = Callable[[Schedule], TrainConfig]


def srresnet_mse(schedule: Schedule = "paper") -> TrainConfig:
    """SRResNet of the paper: 1e6 steps at 1e-4.

    Fast and gpu: from nearest neighbour, batch norms frozen at the identity, Muon at a high rate that is let
    down to 0, larger crops late (docs/training.md has the measurements).
    """
    paper = TrainConfig("srresnet-mse", SrresnetConfig(), 1_000_000, LearningRate(1e-4))
    if schedule == "paper":
        return paper
    fast = replace(
        paper,
        network=SrresnetConfig(init="passthrough"),
        steps=11_000,
        lr=LearningRate(6e-4, warmup_steps=100, stay=0.7, end=0.0),
        batch=8,
        late=LateCrops(0.7, batch=4, crop_px=192),
        frozen_norm=True,
        optimiser="muon",
        ema=0.999,
    )
    if schedule == "fast":
        return fast
    return replace(
        fast,
        steps=40_000,
        lr=LearningRate(6e-4, warmup_steps=500, stay=0.5, end=0.0),
        batch=32,
        late=LateCrops(0.4, batch=16, crop_px=192),
    )


def srresnet_vgg22(schedule: Schedule = "paper") -> TrainConfig:
    """SRResNet-VGG22: content from shallow VGG features, total variation 2e-8."""
    config = _from_srresnet("srresnet-vgg22", schedule)
    return replace(config, content="vgg22", total_variation=2e-8, adversary=None)


def srgan_mse(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-MSE: content by pixels."""
    return _from_srresnet("srgan-mse", schedule)


def srgan_vgg22(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-VGG22: content by shallow VGG features."""
    return replace(_from_srresnet("srgan-vgg22", schedule), content="vgg22")


def srgan_vgg53(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN with VGG16's deepest features, phi_{5,3}, where the paper has VGG19's phi_{5,4}."""
    return replace(_from_srresnet("srgan-vgg53", schedule), content="vgg53")


def srgan_vgg54(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-VGG54, the paper's SRGAN: content by deep VGG features and no pixel loss."""
    return replace(_from_srresnet("srgan-vgg54", schedule), content="vgg54")


def srcnn(schedule: Schedule = "paper") -> TrainConfig:
    """SRCNN 9-1-5. The paper's SGD takes 8e8 back-propagations; Adam and SOAP need far fewer."""
    return _baseline("srcnn", SrcnnConfig(), schedule)


def srcnn_955(schedule: Schedule = "paper") -> TrainConfig:
    """SRCNN 9-5-5."""
    return _baseline("srcnn-955", SrcnnConfig(kernels=(9, 5, 5)), schedule)


def espcn(schedule: Schedule = "paper") -> TrainConfig:
    """ESPCN; the paper's 17r x 17r sub-images become 68 px crops at x4."""
    return replace(_baseline("espcn", EspcnConfig(), schedule), crop_px=68)


def drcn(schedule: Schedule = "paper") -> TrainConfig:
    """DRCN: 40 px crops (the paper's 41 rounded to x4) in batches of 64; Adam in place of SGD at 0.01."""
    paper = TrainConfig(
        "drcn",
        DrcnConfig(),
        500_000,
        LearningRate(1e-4, stay=0.7, end=0.0),
        batch=64,
        crop_px=40,
        recursions=Recursions(alpha_zero_at=0.7),
    )
    if schedule == "paper":
        return paper
    lr = LearningRate(2e-4, warmup_steps=500, stay=0.5, end=0.0)
    return replace(paper, steps=30_000, lr=lr, batch=16, crop_px=64, ema=0.999)


def drcn_lite(schedule: Schedule = "paper") -> TrainConfig:
    """DRCN of 32 channels, 1/60 of its arithmetic: what a CPU can train. Not the paper's network."""
    config = replace(drcn(schedule), name="drcn-lite", network=DrcnConfig(width=32))
    if schedule != "fast":
        return config
    lr = LearningRate(1e-3, warmup_steps=100, stay=0.5, end=0.0)
    return replace(config, steps=10_000, lr=lr, batch=8, crop_px=48, optimiser="soap")


RECIPES: dict[str, Recipe] = {
    "srcnn": srcnn,
    "srcnn-955": srcnn_955,
    "espcn": espcn,
    "drcn": drcn,
    "drcn-lite": drcn_lite,
    "srresnet-mse": srresnet_mse,
    "srresnet-vgg22": srresnet_vgg22,
    "srgan-mse": srgan_mse,
    "srgan-vgg22": srgan_vgg22,
    "srgan-vgg53": srgan_vgg53,
    "srgan-vgg54": srgan_vgg54,
}


def recipe(name: str, schedule: Schedule) -> TrainConfig:
    """Return the recipe of that name, or raise UnknownNameError."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name](schedule)


def _from_srresnet(name: str, schedule: Schedule) -> TrainConfig:
    """A GAN of the paper: from SRResNet-MSE, half the steps at 1e-4 and half at 1e-5, weight 1e-3.

    Fast and gpu: D learns alone first and then twice as fast as G, and a loss of its own keeps a pattern of
    the scale's period away.
    """
    paper = TrainConfig(
        name,
        SrresnetConfig(),
        200_000,
        LearningRate(1e-4, stay=0.5, end=1e-5, jump=True),
        adversary=Adversary(),
        start="srresnet-mse",
        best_by="last",
    )
    if schedule == "paper":
        return paper
    gpu = replace(
        paper,
        steps=10_000,
        lr=LearningRate(1e-4, stay=0.75, end=1e-5, jump=True),
        adversary=Adversary(rate=2.0, alone=200),
        phase=10.0,
        frozen_norm=True,
        ema=0.999,
    )
    if schedule == "gpu":
        return gpu
    return replace(gpu, steps=4_000, batch=8, adversary=Adversary(width=32, rate=2.0, alone=200))


def _baseline(name: str, network: NetworkConfig, schedule: Schedule) -> TrainConfig:
    paper = TrainConfig(name, network, 1_000_000, LearningRate(1e-4))
    if schedule == "paper":
        return paper
    lr = LearningRate(1e-3, warmup_steps=100, stay=0.5, end=0.0)
    optimiser: Literal["adam", "soap"] = "soap" if schedule == "fast" else "adam"
    return replace(paper, steps=20_000, lr=lr, ema=0.999, optimiser=optimiser)

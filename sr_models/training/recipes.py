"""Published runs, and what a person has time for: each a function that returns a TrainConfig."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from sr_models.data.errors import UnknownNameError
from sr_models.networks.config import NetworkConfig
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training.features import Layer

Schedule = Literal["paper", "fast", "gpu"]
"""`paper`: as published. `fast`: what a CPU can do. `gpu`: larger batches and rates for one fast GPU."""


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
    content: Literal["mse", "recursions"] | Layer = "mse"
    """`recursions`: DRCN's MSE of every recursion and of their sum, balanced by alpha."""
    adversarial: float = 0.0
    """Weight of l_Gen; 0: no discriminator."""
    discriminator_width: int = 64
    """Channels of its first layer; the paper's."""
    discriminator_rate: float = 1.0
    """Its learning rate, as a multiple of the generator's."""
    total_variation: float = 0.0
    start: str | None = None
    """Name of the model whose weights the generator starts from."""
    alpha_zero_at: float = 0.0
    """Share of the run over which alpha falls from 1 (every recursion counts) to 0 (only their sum)."""
    frozen_norm: bool = False
    """Whether the generator's batch norms keep the averages it starts with, in place of each batch's own: in
    small batches those wander, and the averaged ones used afterwards shift colours."""
    optimiser: Literal["adam", "soap"] = "adam"
    """The generator's. `soap` gets small networks further, and takes no CUDA graph."""
    ema: float = 0.0
    """Decay of the averaged weights that are validated and shipped; 0: the last ones are."""
    best_by: Literal["psnr", "last"] = "psnr"
    """What is shipped: the highest held-out luma PSNR, or (GANs, which trade PSNR away) the last step."""
    seed: int = 0

    @property
    def gan(self) -> bool:
        """Whether a discriminator takes part."""
        return self.adversarial > 0

    def alpha(self, progress: float) -> float:
        """Return the weight of the supervision of every recursion at progress 0 to 1."""
        return max(0.0, 1.0 - progress / self.alpha_zero_at) if self.alpha_zero_at else 0.0


Recipe = Callable[[Schedule], TrainConfig]


def srresnet_mse(schedule: Schedule = "paper") -> TrainConfig:
    """SRResNet of the paper: 1e6 steps at 1e-4.

    Fast: begins at nearest neighbour, small batches, three times the rate, let down to 0 over the last 30 %.
    """
    if schedule == "paper":
        return TrainConfig("srresnet-mse", SrresnetConfig(), 1_000_000, LearningRate(1e-4))
    network = SrresnetConfig(init="passthrough")
    if schedule == "gpu":
        return TrainConfig("srresnet-mse", network, 300_000, replace(_FAST, stay=0.5), batch=32, ema=0.9995)
    return TrainConfig("srresnet-mse", network, 20_000, _FAST, batch=4, crop_px=64, ema=0.999)


def srresnet_vgg22(schedule: Schedule = "paper") -> TrainConfig:
    """SRResNet-VGG22: content from shallow VGG features, total variation 2e-8."""
    config = replace(
        _from_srresnet("srresnet-vgg22", schedule), content="vgg22", total_variation=2e-8, best_by="last"
    )
    return replace(config, adversarial=0.0)


def srgan_mse(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-MSE: content by pixels."""
    return _from_srresnet("srgan-mse", schedule)


def srgan_vgg22(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-VGG22: content by shallow VGG features."""
    return replace(_from_srresnet("srgan-vgg22", schedule), content="vgg22")


def srgan_vgg54(schedule: Schedule = "paper") -> TrainConfig:
    """SRGAN-VGG54, the paper's SRGAN: content by deep VGG features and no pixel loss."""
    return replace(_from_srresnet("srgan-vgg54", schedule), content="vgg54")


def srgan_vgg54d(schedule: Schedule = "paper") -> TrainConfig:
    """The stand-in for SRGAN-VGG54: features of the distilled encoder."""
    return replace(_from_srresnet("srgan-vgg54d", schedule), content="vgg54d")


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
    config = TrainConfig(
        "drcn", DrcnConfig(), 500_000, LearningRate(1e-4, stay=0.7, end=0.0), batch=64, crop_px=40
    )
    config = replace(config, content="recursions", alpha_zero_at=0.7)
    if schedule == "paper":
        return config
    lr = LearningRate(2e-4, warmup_steps=500, stay=0.5, end=0.0)
    return replace(config, steps=30_000, lr=lr, batch=16, crop_px=64, ema=0.999)


def drcn_lite(schedule: Schedule = "paper") -> TrainConfig:
    """DRCN of 32 channels, 1/60 of its arithmetic: what a CPU can train. Not the paper's network."""
    config = replace(drcn(schedule), name="drcn-lite", network=DrcnConfig(width=32))
    if schedule != "fast":
        return config
    lr = LearningRate(1e-3, warmup_steps=100, stay=0.5, end=0.0)
    return replace(config, steps=10_000, lr=lr, batch=8, crop_px=48, optimiser="soap")


_FAST = LearningRate(3e-4, warmup_steps=100, stay=0.7, end=0.0)

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
    "srgan-vgg54": srgan_vgg54,
    "srgan-vgg54d": srgan_vgg54d,
}


def recipe(name: str, schedule: Schedule) -> TrainConfig:
    """Return the recipe of that name."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name](schedule)


def _from_srresnet(name: str, schedule: Schedule) -> TrainConfig:
    """A GAN of the paper: from SRResNet-MSE, half the steps at 1e-4 and half at 1e-5, weight 1e-3.

    Fast: a narrower D learns five times as fast as G. At one rate G, within the few thousand steps there
    are, draws a regular pattern and moves it on before D has learned to see it.
    """
    lr = LearningRate(1e-4, stay=0.5, end=1e-5, jump=True)
    steps = {"paper": 200_000, "gpu": 40_000, "fast": 3_000}[schedule]
    config = TrainConfig(
        name, SrresnetConfig(), steps, lr, adversarial=1e-3, start="srresnet-mse", best_by="last"
    )
    if schedule == "paper":
        return config
    config = replace(config, ema=0.999, frozen_norm=True, batch=32)
    if schedule == "gpu":
        return config
    lr = LearningRate(3e-5, warmup_steps=50, stay=0.7, end=3e-6)
    return replace(config, lr=lr, batch=8, crop_px=64, discriminator_width=32, discriminator_rate=5.0)


def _baseline(name: str, network: NetworkConfig, schedule: Schedule) -> TrainConfig:
    if schedule == "paper":
        return TrainConfig(name, network, 1_000_000, LearningRate(1e-4))
    lr = LearningRate(1e-3, warmup_steps=100, stay=0.5, end=0.0)
    return TrainConfig(
        name, network, 20_000, lr, ema=0.999, optimiser="soap" if schedule == "fast" else "adam"
    )

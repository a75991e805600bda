"""Small pictures, packs and recipes, so that training tests take seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sr_models.data.image import write_image
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training.near_duplicates import UNCHECKED
from sr_models.training.pack import Pack, write_pack
from sr_models.training.recipes import Adversary, LearningRate, TrainConfig


@pytest.fixture(autouse=True)
def _one_thread():
    """Two test processes on two cores must not wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of eight pictures of 48x64, with edges and texture."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:48, :64]
    for index in range(8):
        wave = 90 * np.sin((x * (index + 1) + y * (8 - index)) / 9.0)[..., None]
        image = 128 + wave + rng.normal(0, 12, (48, 64, 3))
        write_image(tmp_path / "pictures" / f"{index}.png", image.clip(0, 255).astype(np.uint8))
    return tmp_path / "pictures"


@pytest.fixture
def pack(pictures, tmp_path) -> Pack:
    """Those pictures, packed."""
    return write_pack([pictures], tmp_path / "train.pack", UNCHECKED, min_side=32, quiet=True)


@pytest.fixture
def config() -> TrainConfig:
    """A small SRResNet with batch norms, which resuming must get right."""
    network = SrresnetConfig(blocks=2, width=8)
    lr = LearningRate(1e-3, warmup_steps=3, stay=0.5, end=0.0)
    return TrainConfig("small", network, 20, lr, batch=4, crop_px=32, ema=0.9)


@pytest.fixture
def gan(config) -> TrainConfig:
    """The same with an adversary."""
    return replace(config, adversary=Adversary(width=4), best_by="last")

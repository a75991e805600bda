"""Seeded random parameters under the published names: what the networks compute is not sense, but exact.

Shapes, layers and names are those of the real files, which no test may download. CLIP can be made small.
"""

from pathlib import Path

import numpy as np
import torch
from piq.feature_extractors.clip import CLIP
from piq.pieapp import PieAPPModel
from torch import nn
from torchvision import models

LPIPS_CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


def make(folder: Path, *, clip_layers=(1, 1, 1, 1), clip_width=4, clip_text=64) -> Path:
    """Write every file and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for name, file in (
        ("vgg16", "vgg16-397923af.pth"),
        ("alexnet", "alexnet-owt-7be5be79.pth"),
        ("squeezenet1_0", "squeezenet1_0-b66bff10.pth"),
    ):
        torch.save(features(name), folder / file)
    for net, channels in LPIPS_CHANNELS.items():
        heads = {f"lin{n}.model.1.weight": torch.rand(1, c, 1, 1) for n, c in enumerate(channels)}
        torch.save(heads, folder / f"lpips_lin_v0.1_{net}.pth")
    weights = torch.rand(2, 1, 1475, 1, 1)
    weights /= weights.sum()  # as published: the same picture scores 0
    torch.save({"alpha": weights[0], "beta": weights[1]}, folder / "dists_weights.pt")
    torch.save(pieapp(), folder / "PieAPPv0.1.pth")
    torch.save((torch.randn(774, 1), torch.randn(774, 36)), folder / "brisque_svm_weights.pt")
    clip = CLIP(1024, 224, clip_layers, clip_width, None, 77, 512, clip_text, max(1, clip_text // 64), 2)
    torch.save(clip.state_dict(), folder / "RN50.pt")
    torch.save(torch.randint(1, 512, (2, 77)), folder / "clipiqa_tokens.pt")
    spread = np.random.default_rng(0).normal(size=(36, 36))
    np.savez(folder / "niqe_params.npz", mu_prisparam=np.ones((1, 36)), cov_prisparam=spread @ spread.T)
    return folder


def features(name):
    """The convolutions of a torchvision network, of a size that keeps activations alive."""
    with torch.device("meta"):
        layers = models.get_model(name, weights=None).features
    layers.to_empty(device="cpu")
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return {f"features.{key}": value for key, value in layers.state_dict().items()}


def pieapp():
    """PieAPP; its 62 million weights overlap in memory, so that the file is small."""
    with torch.device("meta"):
        model = PieAPPModel()
    state = {}
    for key, value in model.state_dict().items():
        fan_in = value[0].numel() if value.dim() > 1 else 100
        if key == "fc1_score.weight":
            state[key] = (torch.randn(120832 + 511) / fan_in**0.5).as_strided((512, 120832), (1, 1))
        else:
            state[key] = torch.randn(value.shape) * (2 / fan_in) ** 0.5
    state["fc2_weight.bias"] = torch.tensor([1000.0])  # so that the weights stay positive, as trained ones do
    state["ref_score_subtract.weight"] = state["ref_score_subtract.weight"][:, 0]  # as published
    return state

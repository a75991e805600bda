"""Model colours: told apart by everybody, the same everywhere."""

from itertools import combinations

import numpy as np
import pytest

from bench.palette import colour_of, ink_of, label_of, model_order

PAPER = ["nearest", "bicubic", "srcnn", "selfexsr", "drcn", "espcn", "srresnet-mse", "srresnet-vgg22"]
PAPER += ["srgan-mse", "srgan-vgg22", "srgan-vgg54", "hr"]
# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson (2020), OKLab
TO_LMS = np.array(
    [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.68069955, 0.10739696],
        [0.08830246, 0.28171884, 0.6299787],
    ]
)
TO_LAB = np.array(
    [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
)


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("vision", VISION)
def test_the_papers_twelve_versions_stay_apart(vision):
    seen = [np.clip(np.array(VISION[vision]) @ linear(colour_of(name)), 0, 1) for name in PAPER]
    lab = [TO_LAB @ np.cbrt(TO_LMS @ rgb) for rgb in seen]
    nearest = min(np.linalg.norm(a - b) for a, b in combinations(lab, 2))
    assert nearest > 0.09  # OKLab; a just noticeable difference is about 0.02


@pytest.mark.parametrize("name", PAPER)
def test_a_colour_shows_on_white_or_on_the_dark_page_and_is_lost_on_neither(name):
    luminance = linear(colour_of(name)) @ [0.2126, 0.7152, 0.0722]
    on_white, on_dark = 1.05 / (luminance + 0.05), (luminance + 0.05) / (0.0091 + 0.05)
    assert max(on_white, on_dark) > 4.5
    assert min(on_white, on_dark) > 1.9


@pytest.mark.parametrize("name", [*PAPER, "my-model"])
def test_names_in_a_models_colour_can_be_read_on_white(name):
    luminance = linear(ink_of(name)) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) >= 4.5
    if 1.05 / (linear(colour_of(name)) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5:
        assert ink_of(name) == colour_of(name)


def test_an_unknown_model_keeps_its_colour_and_its_name():
    assert colour_of("my-model") == colour_of("my-model")
    assert colour_of("my-model").startswith("#")
    assert label_of("my-model") == "my-model"


def test_models_sort_as_in_the_paper_with_kin_beside_and_the_original_last():
    names = ["hr", "zzz", "srgan-vgg53", "srcnn-955", "bicubic", "srcnn", "nearest"]
    assert sorted(names, key=model_order) == [
        "nearest",
        "bicubic",
        "srcnn",
        "srcnn-955",
        "srgan-vgg53",
        "zzz",
        "hr",
    ]

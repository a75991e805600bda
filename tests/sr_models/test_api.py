"""`import sr_models` as a notebook user meets it."""

import doctest
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from PIL import ImageCms

import sr_models
from sr_models.data.errors import InputError
from sr_models.data.image import to_grey
from sr_models.data.resize import imresize
from sr_models.inference.export import export_onnx
from sr_models.inference.weights_file import Card, save_weights
from sr_models.models import MODELS
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.shipped import weights_path

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FACTORIES = """
class Doubler:
    scale = 2
    def __call__(self, lr):
        return lr.repeat(2, 0).repeat(2, 1)

def build(scale):
    return Doubler()

def wrong(scale):
    made = Doubler()
    made.scale = 3
    return made
"""


def test_the_snippet_of_the_documentation_runs(photo):
    lr = photo[:24, :32]
    up = sr_models.load("srresnet-mse")
    sr = up(lr)
    assert np.array_equal(sr, MODELS["srresnet-mse"].build(4)(lr))
    assert (up.scale, up.name) == (4, "srresnet-mse")


@pytest.mark.parametrize("name", sr_models.__all__)
def test_the_examples_in_the_docstrings_hold(name):
    function = getattr(sr_models, name)
    runner = doctest.DocTestRunner()
    space = dict(vars(sys.modules[function.__module__]))
    for example in doctest.DocTestFinder(recurse=False).find(function, name, globs=space):
        runner.run(example)
    assert runner.failures == 0
    assert runner.tries > 0 or name == "PictureUpscaler"


def test_importing_the_package_imports_neither_torch_nor_numpy():
    code = "import sys, sr_models; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'sr_models' has no attribute 'lod'"):
        sr_models.lod  # noqa: B018
    assert set(sr_models.__all__) <= set(dir(sr_models))


def test_a_grey_array_comes_back_grey_by_the_papers_rule(photo):
    grey = to_grey(photo)[:16, :16]
    sr = sr_models.load("srresnet-mse")(grey)
    assert sr.shape == (64, 64)
    assert np.array_equal(sr, to_grey(MODELS["srresnet-mse"].build(4)(np.repeat(grey[..., None], 3, 2))))


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
def test_a_pillow_picture_comes_back_as_one_of_its_mode_with_its_profile(mode, photo):
    picture = PillowImage.fromarray(photo[:16, :24]).convert(mode)
    picture.info["icc_profile"] = SRGB
    sr = sr_models.upscale(picture, "nearest", scale=2)
    assert (sr.mode, sr.size) == (mode, (48, 32))
    assert sr.info["icc_profile"] == SRGB
    assert np.array_equal(np.asarray(sr)[::2, ::2], np.asarray(picture))


@pytest.mark.parametrize(("mode", "becomes"), [("1", "L"), ("P", "RGB")])
def test_palettes_and_bits_are_expanded(mode, becomes, photo):
    picture = PillowImage.fromarray(photo[:16, :24]).convert(mode)
    assert sr_models.upscale(picture, "nearest").mode == becomes


def test_transparency_is_upscaled_and_hidden_colours_do_not_leak(photo):
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[4:12, 4:12] = 200, 200, 200, 255  # grey on transparent black
    sr = np.asarray(sr_models.upscale(PillowImage.fromarray(rgba), "bicubic", scale=4))
    assert np.array_equal(sr[..., 3], imresize(rgba[..., 3], 4))
    visible = sr[..., 3] > 0
    assert np.all(sr[visible][:, :3] == 200)


def test_an_orientation_is_applied_to_a_pillow_picture(photo):
    picture = PillowImage.fromarray(photo[:8, :16])
    picture.getexif()[0x0112] = 6
    assert sr_models.upscale(picture, "nearest", scale=2).size == (16, 32)


def test_models_are_what_the_commands_take(tmp_path, photo, monkeypatch):
    lr = photo[:16, :20]
    (tmp_path / "mine.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = SrresnetConfig(scale=2, blocks=1, width=8, init="passthrough")
    save_weights(tmp_path / "w.safetensors", config.build().eval(), Card("small", config))
    export_onnx(tmp_path / "w.safetensors", tmp_path / "w.onnx")
    from_weights, from_onnx = (sr_models.load(tmp_path / name) for name in ("w.safetensors", "w.onnx"))
    assert (from_weights.name, from_weights.scale, from_onnx.scale) == ("w", 2, 2)
    assert np.abs(from_weights(lr).astype(int) - from_onnx(lr)).max() <= 1
    for factory in ("mine:build", f"{tmp_path}/mine.py:build", f"m={tmp_path}/mine.py:build"):
        assert np.array_equal(sr_models.load(factory, scale=2)(lr), lr.repeat(2, 0).repeat(2, 1))
    sys.modules.pop("mine")
    assert np.array_equal(
        sr_models.load(weights_path("espcn"))(lr), sr_models.load("m=" + str(weights_path("espcn")))(lr)
    )


def test_a_spandrel_checkpoint_is_a_model(tmp_path, photo):
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.save(SRVGGNetCompact(num_feat=8, num_conv=2, upscale=4).state_dict(), tmp_path / "c.pth")
    up = sr_models.load(tmp_path / "c.pth", device="cpu", self_ensemble=True)
    assert up.scale == 4
    assert up(photo[:12, :10]).shape == (48, 40, 3)


def test_dtype_and_ensemble_reach_the_network(photo):
    lr = photo[:16, :16]
    plain, rounded = sr_models.load("srresnet-mse"), sr_models.load("srresnet-mse", dtype="bf16")
    assert not np.array_equal(plain(lr), rounded(lr))
    together = sr_models.load("srresnet-mse", self_ensemble=True)
    assert np.array_equal(together(lr[:, ::-1]), together(lr)[:, ::-1])


def test_pictures_are_written_by_the_ending_of_the_name(tmp_path, photo):
    for suffix, file_format in ((".png", "PNG"), (".jpg", "JPEG"), (".WEBP", "WEBP")):
        sr_models.write_image(tmp_path / f"a{suffix}", photo)
        with PillowImage.open(tmp_path / f"a{suffix}") as saved:
            assert saved.format == file_format
    assert np.array_equal(sr_models.read_image(tmp_path / "a.png"), photo)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: sr_models.load("srresnet-mze"),
            "no model called 'srresnet-mze'; did you mean srresnet-mse?",
        ),
        (lambda: sr_models.load("none.onnx"), "none.onnx: no such file"),
        (lambda: sr_models.load("./mine:build"), "expected NAME=module:function, NAME=path/file.py:function"),
        (lambda: sr_models.load("none.py:build"), "none.py: no such file"),
        (lambda: sr_models.load("math:nothing"), "math has no 'nothing'"),
        (lambda: sr_models.load("no_such_module:build"), "no module called 'no_such_module'"),
        (
            lambda: sr_models.load("srresnet-mse", scale=2),
            "expected a scale of 2, but srresnet-mse has scale 4",
        ),
        (
            lambda: sr_models.load("srresnet-mse", dtype="fp23"),
            "expected a dtype of fp32, bf16, fp16, got 'fp23'",
        ),
        (lambda: sr_models.load("srresnet-mse", device="cuda:77"), "no device 'cuda:77' here .*: try 'auto'"),
        (lambda: sr_models.load("bicubic", dtype="bf16"), "bicubic is not a torch network"),
        (lambda: sr_models.upscale("photo.jpg", "nearest"), "got str: sr_models.read_image"),
        (
            lambda: sr_models.upscale(np.zeros((4, 4, 4), np.uint8), "nearest"),
            r"got uint8 of shape \(4, 4, 4\)",
        ),
        (lambda: sr_models.upscale(np.zeros((4, 4, 3)), "nearest"), "got float64 of shape"),
        (
            lambda: sr_models.upscale(np.zeros((0, 4, 3), np.uint8), "nearest"),
            "expected a picture with pixels",
        ),
        (lambda: sr_models.upscale(PillowImage.new("CMYK", (4, 4)), "nearest"), "got mode CMYK"),
        (
            lambda: sr_models.write_image("a.gif", np.zeros((4, 4), np.uint8)),
            "a.gif: expected a name that ends",
        ),
        (
            lambda: sr_models.write_image("a.jpg", PillowImage.new("RGBA", (4, 4))),
            "JPEG cannot hold transparency",
        ),
        (
            lambda: sr_models.write_image("a.webp", np.zeros((1, 16_384), np.uint8)),
            "WEBP holds at most 16383 px a side, got 16384x1",
        ),
    ],
)
def test_a_mistake_is_a_value_error_of_one_sentence(call, says):
    with pytest.raises(InputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


STATED = """
from __future__ import annotations
from dataclasses import dataclass, field

@dataclass
class Level:
    scale: int
    value: int = field(default={level})

    def __call__(self, lr):
        return (0 * lr + self.value).astype("uint8")

build = Level
"""


def test_a_factory_in_a_file_may_hold_dataclasses_and_may_change_meanwhile(tmp_path):
    black = np.zeros((4, 4, 3), np.uint8)
    for level in (7, 8):
        (tmp_path / "mine.py").write_text(STATED.format(level=level))
        assert sr_models.load(f"{tmp_path}/mine.py:build", scale=1)(black).max() == level


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def build(scale:", "importing .*bad.py failed: SyntaxError"),
        ("1 / 0", "importing .*bad.py failed: ZeroDivisionError: division by zero"),
        ("build = 3", "expected a function of the scale, got int"),
        (
            "build = lambda scale: abs",
            "expected it to return a function on pictures with a `scale`, got builtin",
        ),
        (FACTORIES.replace("build", "other").replace("wrong", "build"), "returned uint8 .*, expected uint8"),
    ],
)
def test_a_factory_that_fails_is_one_sentence(text, says, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError, match=says):
        sr_models.load(f"{tmp_path}/bad.py:build", scale=2)(np.zeros((4, 4, 3), np.uint8))


def test_transparency_is_written(tmp_path, photo):
    rgba = PillowImage.fromarray(np.dstack([photo, photo[..., :1]]))
    sr_models.write_image(tmp_path / "a.png", rgba)
    with PillowImage.open(tmp_path / "a.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(rgba))

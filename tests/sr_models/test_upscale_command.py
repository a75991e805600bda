"""`sr-models upscale` on real files of every kind; each mistake one line and exit code 2."""

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from sr_models.cli import main
from sr_models.data.image import read_image
from sr_models.data.resize import imresize
from sr_models.models import MODELS

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def folder(tmp_path, photo):
    """A turned JPEG with a profile, a transparent PNG, a grey one below, a WebP, a BMP, a text."""
    lr = photo[:24, :32]
    picture = PillowImage.fromarray(lr)
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned a quarter
    place = tmp_path / "photos"
    (place / "below").mkdir(parents=True)
    picture.save(place / "turned.jpg", quality=95, exif=exif, icc_profile=SRGB)
    PillowImage.fromarray(np.dstack([lr, lr[..., :1]])).save(place / "clear.png")
    picture.convert("L").save(place / "below" / "grey.png")
    picture.save(place / "small.webp", lossless=True)
    picture.save(place / "old.bmp")
    (place / "notes.txt").write_text("not a picture")
    return place


def _run(*arguments):
    return main(["upscale", *map(str, arguments)])


def test_a_folder_is_upscaled_with_everything_its_files_say(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(folder, "--out", out, "--model", "bicubic", "--scale", "2") == 0
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == ["below/grey.png", "clear.png", "old.png", "small.webp", "turned.jpg"]
    opened = {name: PillowImage.open(out / name) for name in files}
    kinds = {name: (picture.format, picture.mode, picture.size) for name, picture in opened.items()}
    assert kinds == {
        "below/grey.png": ("PNG", "L", (64, 48)),
        "clear.png": ("PNG", "RGBA", (64, 48)),
        "old.png": ("PNG", "RGB", (64, 48)),
        "small.webp": ("WEBP", "RGB", (64, 48)),
        "turned.jpg": ("JPEG", "RGB", (48, 64)),
    }
    assert opened["turned.jpg"].info["icc_profile"] == SRGB
    assert 0x0112 not in opened["turned.jpg"].getexif()
    with PillowImage.open(folder / "clear.png") as before:
        alpha = np.asarray(before.getchannel("A"))
    assert np.array_equal(np.asarray(opened["clear.png"].getchannel("A")), imresize(alpha, 2))
    assert f"{out}/turned.jpg: 24x32 -> 48x64, " in capsys.readouterr().out
    for picture in opened.values():
        picture.close()


def test_a_network_makes_the_same_pixels_as_from_python_and_in_tiles(folder, tmp_path):
    lr = read_image(folder / "old.bmp")
    wide = np.tile(lr, (3, 3, 1))
    PillowImage.fromarray(wide).save(tmp_path / "wide.png")
    assert _run(tmp_path / "wide.png", "--out", tmp_path / "whole") == 0
    assert _run(tmp_path / "wide.png", "--out", tmp_path / "tiles", "--memory-mb", "1") == 0
    whole, tiles = (read_image(tmp_path / name / "wide.png") for name in ("whole", "tiles"))
    assert np.array_equal(whole, MODELS["srresnet-mse"].build(4)(wide))
    assert np.abs(whole.astype(int) - tiles).max() <= 1


@pytest.mark.parametrize(
    ("name", "suffix", "kind"), [("png", "png", "PNG"), ("jpeg", "jpg", "JPEG"), ("webp", "webp", "WEBP")]
)
def test_the_format_can_be_chosen(name, suffix, kind, folder, tmp_path):
    given = folder / "small.webp"
    assert _run(given, "--out", tmp_path / "out", "--model", "nearest", "--format", name) == 0
    with PillowImage.open(tmp_path / "out" / f"small.{suffix}") as saved:
        assert saved.format == kind


def test_existing_files_stay_unless_forced(folder, tmp_path, capsys):
    arguments = [folder / "old.bmp", "--out", tmp_path, "--model", "nearest"]
    (tmp_path / "old.png").write_text("mine")
    assert _run(*arguments) == 2
    assert "old.png exists: use --force to replace it" in capsys.readouterr().err
    assert (tmp_path / "old.png").read_text() == "mine"
    assert _run(*arguments, "--force") == 0
    assert read_image(tmp_path / "old.png").shape == (96, 128, 3)


def test_one_broken_file_does_not_stop_the_others(folder, tmp_path, capsys):
    (folder / "broken.png").write_bytes((folder / "clear.png").read_bytes()[:200])
    assert _run(folder, "--out", tmp_path / "out", "--model", "nearest") == 1
    said = capsys.readouterr()
    assert "broken.png: cannot be read" in said.err
    assert len(said.out.splitlines()) == 5


def test_results_inside_the_folder_are_not_taken_for_inputs(folder):
    arguments = [folder, "--out", folder / "out", "--model", "nearest", "--force"]
    assert _run(*arguments) == _run(*arguments) == 0
    assert not (folder / "out" / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.jpg"], "none.jpg: no such file or folder"),
        (["photos/notes.txt"], "notes.txt: not a PNG, TIFF, JPEG, BMP or WebP picture"),
        (["photos/old.bmp", "--model", "srresnet-mze"], "'srresnet-mze'; did you mean srresnet-mse?"),
        (["photos/old.bmp", "--model", "none.pth"], "none.pth: no such file"),
        (["photos/old.bmp", "--model", "srresnet-mse", "--scale", "3"], "expected a scale of 3, but"),
        (["photos/old.bmp", "--scale", "0"], "--scale"),
        (["photos/old.bmp", "--quality", "101"], "--quality: expected 1 to 100, got 101"),
        (["photos/old.bmp", "--device", "nonsense"], "no device 'nonsense' here"),
        (["photos/clear.png", "--format", "jpeg", "--model", "nearest"], "JPEG cannot hold transparency"),
        (["photos/old.bmp", "photos", "--model", "nearest"], "would both become out/old.png"),
        (["empty"], "empty holds no pictures"),
        (["photos/old.bmp", "--model", "bicubic", "--dtype", "bf16"], "bicubic is not a torch network"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_two(arguments, says, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert _run(*arguments, "--out", "out") == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


DIVERGED = """
from torch import nn

class Divided(nn.Module):
    def forward(self, x):
        return x / x

def network(scale):
    return Divided()
"""


def test_a_network_that_is_not_finite_on_a_picture_is_one_line_that_names_it(tmp_path, capsys):
    (tmp_path / "diverged.py").write_text(DIVERGED)
    for name, level in (("black", 0), ("grey", 9)):
        PillowImage.new("RGB", (4, 4), (level,) * 3).save(tmp_path / f"{name}.png")
    arguments = ["--out", tmp_path / "out", "--model", f"{tmp_path}/diverged.py:network", "--scale", 1]
    assert _run(tmp_path / "black.png", tmp_path / "grey.png", *arguments) == 1
    assert capsys.readouterr().err == (
        f"sr-models upscale: {tmp_path}/black.png: "
        "48 of 48 values of the network's output are not finite (NaN or infinite)\n"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["grey.png"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def build(scale:\n", "importing bad.py failed: SyntaxError: '(' was never closed (bad.py, line 1)"),
        ("1 / 0\n", "importing bad.py failed: ZeroDivisionError: division by zero"),
        ("raise SystemExit\n", "importing bad.py failed: SystemExit"),
        (
            "def build(scale):\n    raise KeyError('a\\nb')\n",
            "bad.py:build: build(4) failed: KeyError: 'a\\nb'",
        ),
        (
            "def build(scale):\n    raise ValueError('a\\nb')\n",
            "bad.py:build: build(4) failed: ValueError: a b",
        ),
        ("def build():\n    pass\n", "bad.py:build: build(4) failed: TypeError: build() takes 0 positional"),
        ("def build(scale):\n    exit(0)\n", "bad.py:build: build(4) failed: SystemExit: 0"),
    ],
)
def test_whatever_a_users_module_raises_is_one_line(text, says, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(text)
    assert _run(folder / "old.bmp", "--out", "out", "--model", "bad.py:build") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"sr-models upscale: {says}")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_input_is_never_replaced(folder, capsys):
    assert _run(folder / "clear.png", "--out", folder, "--force") == 2
    assert "clear.png would replace an input" in capsys.readouterr().err

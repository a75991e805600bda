import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from sr_models.data.errors import InputError
from sr_models.data.image import (
    check_pair,
    crop_border,
    crop_to_multiple,
    is_grey_file,
    read_image,
    to_grey,
    write_bytes,
    write_image,
)


def noise(rng, height=12, width=17):
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_lossless_files_come_back_pixel_by_pixel(tmp_path, rng, suffix):
    image = noise(rng)
    PillowImage.fromarray(image).save(tmp_path / f"a.{suffix}", lossless=True)
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}"), image)


def test_a_jpeg_is_read_as_pillow_decodes_it(tmp_path, rng):
    PillowImage.fromarray(noise(rng)).save(tmp_path / "a.jpg", quality=90)
    with PillowImage.open(tmp_path / "a.jpg") as saved:
        expected = np.asarray(saved)
    assert np.array_equal(read_image(tmp_path / "a.jpg"), expected)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_one_channel_is_replicated_and_known_as_grey(tmp_path, rng, mode):
    PillowImage.fromarray(noise(rng)).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (12, 17, 3)
    assert np.array_equal(image[..., 0], image[..., 2])
    assert is_grey_file(tmp_path / "a.png")


def test_a_palette_is_expanded_and_is_not_grey(tmp_path, rng):
    palette = PillowImage.fromarray(noise(rng)).quantize(16)
    palette.save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(palette.convert("RGB")))
    assert not is_grey_file(tmp_path / "a.png")


def test_opaque_alpha_is_dropped(tmp_path, rng):
    image = noise(rng)
    PillowImage.fromarray(image).convert("RGBA").save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), image)


def test_an_orientation_tag_is_applied(tmp_path, rng):
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned a quarter
    PillowImage.fromarray(noise(rng, 8, 16)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (16, 8, 3)


def _transparent(path):
    PillowImage.new("RGBA", (4, 4), (1, 2, 3, 200)).save(path)


def _16_bit_grey(path):
    PillowImage.fromarray(np.full((4, 4), 4000, np.uint16)).save(path)


def _16_bit_rgb(path):
    """Pillow cannot write one: a 1x1 RGB PNG of 16 bits a sample, by hand."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" + bytes(6))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _cmyk(path):
    PillowImage.new("CMYK", (4, 4)).save(path, "JPEG")


def _animation(path):
    frames = [PillowImage.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 255)]
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def _bomb(path):
    import struct

    buffer = io.BytesIO()
    PillowImage.new("1", (8, 8)).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    data[18:26] = struct.pack("<ii", 20_000, 20_000)
    path.write_bytes(data)


def _cut_short(path):
    buffer = io.BytesIO()
    PillowImage.fromarray(noise(np.random.default_rng(0), 64, 64)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue()[:2000])


def _no_picture(path):
    path.write_text("not a picture")


def _empty(path):
    path.write_bytes(b"")


def _missing(path):
    pass


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (_transparent, "transparent"),
        (_16_bit_grey, "expected 8 bits a sample, got 16"),
        (_16_bit_rgb, "expected 8 bits a sample, got 16"),
        (_cmyk, "got CMYK"),
        (_animation, "got an animation"),
        (_cut_short, "cut short"),
        (_bomb, "too large"),
        (_no_picture, "not a PNG, TIFF, JPEG, BMP or WebP"),
        (_empty, "not a PNG, TIFF, JPEG, BMP or WebP"),
        (_missing, "no such file"),
    ],
)
def test_what_cannot_be_a_test_picture_is_refused_by_name(tmp_path: Path, make, complaint):
    path = tmp_path / "bad.png"
    make(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=complaint) as raised:
            read_image(path)
    assert "bad.png" in str(raised.value)


def test_what_is_written_is_read_back_and_carries_no_metadata(tmp_path, rng):
    image = noise(rng)
    write_image(tmp_path / "deep" / "a.png", image)
    assert np.array_equal(read_image(tmp_path / "deep" / "a.png"), image)
    with PillowImage.open(tmp_path / "deep" / "a.png") as saved:
        assert saved.info == {}


def test_grey_is_saved_as_one_channel(tmp_path, rng):
    image = noise(rng)
    write_image(tmp_path / "a.png", image, grey=True)
    assert is_grey_file(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 1], to_grey(image))


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a", b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_grey_is_the_rounded_weighted_sum():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    assert to_grey(image).tolist() == [[76, 150, 29, 18]]  # 76.245, 149.685, 29.07, 18.15


@given(st.integers(0, 255))
def test_equal_channels_keep_their_value_as_grey(value):
    assert to_grey(np.full((1, 1, 3), value, np.uint8)) == value


def test_crops_take_the_stated_pixels(rng):
    image = noise(rng, 13, 18)
    assert np.array_equal(crop_border(image, 4), image[4:9, 4:14])
    assert np.array_equal(crop_border(image, 0), image)
    assert np.array_equal(crop_to_multiple(image, 4), image[:12, :16])


def test_a_crop_that_leaves_nothing_is_refused(rng):
    with pytest.raises(InputError, match="a crop of 4 px on each side leaves nothing"):
        crop_border(noise(rng, 8, 40), 4)
    with pytest.raises(InputError, match="smaller than the 16 px"):
        crop_to_multiple(noise(rng, 12, 40), 16)


def test_pictures_of_two_sizes_are_no_pair(rng):
    with pytest.raises(InputError, match="sr is 17x12 but hr is 18x12"):
        check_pair(noise(rng), noise(rng, 12, 18))

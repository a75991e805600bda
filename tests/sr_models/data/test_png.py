"""PNG files without Pillow: the same pixels, and everything special left to it."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from sr_models.data.image import read_image, read_picture
from sr_models.data.png import decoded, encoded

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)) | st.tuples(
    st.integers(1, 20), st.integers(1, 20)
)


def saved(picture, **how):
    file = io.BytesIO()
    picture.save(file, "PNG", **how)
    return file.getvalue()


@given(arrays(np.uint8, SHAPES))
def test_what_is_written_reads_back_here_and_by_pillow(pixels):
    data = encoded(pixels)

    assert np.array_equal(decoded(data), pixels)
    assert np.array_equal(np.asarray(PillowImage.open(io.BytesIO(data))), pixels)


@given(arrays(np.uint8, SHAPES), st.integers(0, 9))
def test_pillows_files_read_as_pillow_reads_them(pixels, level):
    assert np.array_equal(decoded(saved(PillowImage.fromarray(pixels), compress_level=level)), pixels)


@pytest.mark.parametrize("kind", range(5))
def test_every_row_filter_is_undone(kind, photo):
    rows = photo[:40, :60].reshape(40, 180).astype(int)
    left, above = np.pad(rows, ((0, 0), (3, 0)))[:, :-3], np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(rows, ((1, 0), (3, 0)))[:-1, :-3]
    distances = [abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)]
    paeth = np.choose(np.argmin(distances, axis=0), [left, above, corner])
    guess = [0 * rows, left, above, (left + above) // 2, paeth][kind]
    stored = np.pad(((rows - guess) % 256).astype(np.uint8), ((0, 0), (1, 0)), constant_values=kind)

    from sr_models.data.compiled import unfiltered

    assert np.array_equal(unfiltered(stored, 3), rows)


ORIENTED = PillowImage.Exif()
ORIENTED[0x0112] = 6
TEXT = PngInfo()
TEXT.add_text("Raw profile type exif", "\nexif\n      8\n0000000000000000\n")
SPECIAL = {
    "palette": saved(PillowImage.new("P", (4, 4))),
    "alpha": saved(PillowImage.new("RGBA", (4, 4), (1, 2, 3, 255))),
    "bilevel": saved(PillowImage.new("1", (4, 4))),
    "16 bits": saved(PillowImage.new("I;16", (4, 4))),
    "transparent colour": saved(PillowImage.new("RGB", (4, 4)), transparency=(0, 0, 0)),
    "orientation": saved(PillowImage.new("RGB", (4, 6)), exif=ORIENTED),
    "profile in a text": saved(PillowImage.new("RGB", (4, 6)), pnginfo=TEXT),
    "cut short": saved(PillowImage.effect_noise((64, 64), 50))[:-800],
    "without an end": encoded(np.zeros((9, 9), np.uint8))[:-12],
    "rows cut short": encoded(np.zeros((9, 9), np.uint8)).replace(b"\0\0\0\t\x08", b"\0\0\0\x0a\x08"),
    "not a PNG": b"BM" + bytes(60),
    "nothing": b"",
}


@pytest.mark.parametrize("data", SPECIAL.values(), ids=SPECIAL)
def test_what_is_not_plain_is_left_to_pillow(data):
    assert decoded(data) is None


def test_an_orientation_is_still_applied(tmp_path):
    (tmp_path / "turned.png").write_bytes(SPECIAL["orientation"])

    assert read_image(tmp_path / "turned.png").shape == (4, 6, 3)


def test_metadata_without_effect_is_passed_over(photo):
    note = PngInfo()
    note.add_text("Comment", "hello")
    data = saved(PillowImage.fromarray(photo), pnginfo=note, dpi=(72, 72), icc_profile=b"any")

    assert np.array_equal(decoded(data), photo)


def test_a_grey_file_says_so(tmp_path, photo):
    (tmp_path / "grey.png").write_bytes(encoded(photo[..., 0]))

    image, is_grey = read_picture(tmp_path / "grey.png")

    assert is_grey
    assert np.array_equal(image, photo[..., :1].repeat(3, axis=2))


def test_16_bits_are_rounded_to_8_only_on_request():
    levels = np.array([[0, 128, 129, 257, 385, 386, 32767, 65406, 65407, 65535]], np.uint16)
    data = saved(PillowImage.fromarray(levels))
    assert decoded(data) is None
    expected = [[0, 0, 1, 1, 1, 2, 127, 254, 255, 255]]
    assert decoded(data, round_16_bit=True).tolist() == expected
    assert np.floor(levels * (255 / 65535) + 0.5).tolist() == expected


def test_16_bits_of_three_channels_are_rounded_each(rng):
    levels = rng.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    rows = levels.astype(">u2").reshape(5, -1).view(np.uint8)
    stored = zlib.compress(b"".join(b"\x00" + row.tobytes() for row in rows))
    size = (7).to_bytes(4, "big") + (5).to_bytes(4, "big")
    chunks = ((b"IHDR", size + bytes((16, 2, 0, 0, 0))), (b"IDAT", stored), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )
    assert np.array_equal(decoded(data, round_16_bit=True), np.round(levels / 257))

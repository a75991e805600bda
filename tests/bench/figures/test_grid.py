import math
import re
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as PillowImage

from bench.cli import main
from bench.figures.crop import Crop, crop_where_they_differ, read_crop
from bench.figures.grid import GridRequest, make_grid
from bench.figures.grid_sheet import DOTS_PER_INCH, draw, lay_out, write_grid
from bench.running.request import Request
from bench.running.run import run
from bench.store.table import read_scores, scores_table
from sr_models.data.dataset import load_sample, open_dataset
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.image import read_image, to_grey, write_image


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two small pictures of a set of one's own, one of them grey, and a third in two sets."""
    folder = tmp_path_factory.mktemp("grid")
    hr = load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").hr
    write_image(folder / "mine" / "face.png", np.ascontiguousarray(hr[40:168, 160:320]))
    write_image(folder / "mine" / "grey.png", np.ascontiguousarray(hr[200:296, 100:220]), grey=True)
    write_image(folder / "other" / "grey.png", np.ascontiguousarray(hr[200:296, 100:220]))
    sets = (f"mine={folder / 'mine'}", f"other={folder / 'other'}")
    models = ("nearest", "bicubic", "espcn")
    run(Request(folder / "run", datasets=sets, models=models, protocols=("matlab", "rgb")))
    return folder / "run"


def asked(results, image="face", **more):
    return make_grid(GridRequest(results, image, **more))


# The crop


def test_a_planted_difference_is_found(rng):
    hr = rng.integers(0, 256, (80, 120, 3)).astype(np.uint8)
    one, other = hr.copy(), hr.copy()
    one[50:62, 33:53] ^= 8  # both methods err everywhere alike but here
    for sr in (one, other):
        sr[:, 70:] ^= 16
    assert crop_where_they_differ(hr, [one, other], width=20, height=12, margin=8) == Crop(33, 50, 20, 12)


def test_the_most_telling_window_is_that_of_a_search_by_hand(rng):
    hr, *srs = rng.integers(0, 256, (4, 14, 17, 3)).astype(np.uint8)
    best = None
    for y in range(2, 14 - 4 + 1 - 2):
        for x in range(2, 17 - 5 + 1 - 2):
            parts = [(sr[y : y + 4, x : x + 5].astype(float) - hr[y : y + 4, x : x + 5]) for sr in srs]
            spread = np.std([math.sqrt((part**2).mean()) for part in parts])
            if best is None or spread > best[0] + 1e-12:
                best = (spread, Crop(x, y, 5, 4))
    assert crop_where_they_differ(hr, srs, width=5, height=4, margin=2) == best[1]


def test_a_difference_at_the_border_is_not_shown(rng):
    hr = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    sr = hr.copy()
    sr[:6] ^= 255
    sr[30:40, 30:40] ^= 64
    assert crop_where_they_differ(hr, [hr, sr], width=10, height=10, margin=8) == Crop(30, 30, 10, 10)


def test_one_method_shows_its_largest_error(rng):
    hr = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    sr = hr.copy()
    sr[30:40, 20:30] ^= 64
    assert crop_where_they_differ(hr, [sr], width=10, height=10, margin=8) == Crop(20, 30, 10, 10)


def test_a_picture_as_small_as_the_crop_is_shown_whole():
    hr = np.zeros((12, 9, 3), np.uint8)
    assert crop_where_they_differ(hr, [hr, hr + 1], width=9, height=12, margin=8) == Crop(0, 0, 9, 12)


def test_the_size_may_be_given_and_the_place_left_open(rng):
    hr, sr = rng.integers(0, 256, (2, 400, 500, 3)).astype(np.uint8)
    chosen = read_crop("30,20", hr, [sr, hr], margin=8)
    assert (chosen.width, chosen.height) == (30, 20)
    assert read_crop("", hr, [sr, hr], margin=8).width == 80  # a fifth of the shorter side


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,2,3", "crop: expected x,y,w,h in pixels, or w,h"),
        ("a,b,c,d", "crop: expected x,y,w,h"),
        ("0,0,64,", "crop: expected x,y,w,h"),
        ("0,0,2,64", "expected from 4x4 to 160x128 pixels"),
        ("200,200", "expected from 4x4 to 160x128 pixels"),
        ("100,0,64,64", "which is 160x128: with 64x64, x is 0 to 96 and y is 0 to 64"),
        ("-1,0,64,64", "reaches outside the picture"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(results, text, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)):
        asked(results, crop=text)


# What is shown


def test_panels_come_in_the_papers_order_with_the_scores_of_the_whole_picture(results):
    grid = asked(results, crop="10,20,32,24")
    assert [panel.model for panel in grid.panels] == ["nearest", "bicubic", "espcn", "hr"]
    rows = {
        (row.model, row.metric): row.value
        for row in read_scores(results)
        if (row.image, row.protocol) == ("face", "matlab")
    }
    for panel in grid.panels[:-1]:
        psnr, ssim = rows[panel.model, "psnr"], rows[panel.model, "ssim"]
        assert panel.scores == (f"{psnr:.2f}", f"{ssim:.4f}")
        sr = read_image(results / f"images/{panel.model}/mine/x4/face.png")
        assert np.array_equal(panel.pixels, sr[20:44, 10:42])
    assert np.array_equal(grid.panels[-1].pixels, grid.hr[20:44, 10:42])
    assert [panel.best for panel in grid.panels] == [(False, False), (False, False), (True, True), ()]
    assert grid.note == ("PSNR (dB) / SSIM of the whole picture, protocol matlab. Crop: 32x24 px at 10,20.")


def test_models_protocol_and_metrics_can_be_chosen(results):
    grid = asked(results, models=("espcn", "nearest"), protocol="rgb", metrics=("ssim",))
    assert [panel.model for panel in grid.panels] == ["nearest", "espcn", "hr"]
    value = next(r.value for r in read_scores(results)
                 if (r.model, r.image, r.protocol, r.metric) == ("espcn", "face", "rgb", "ssim"))  # fmt: skip
    assert grid.panels[1].scores == (f"{value:.4f}",)


def test_a_grey_picture_is_shown_grey(results):
    grid = asked(results, "grey", dataset="mine")
    for panel in grid.panels:
        assert np.array_equal(panel.pixels, to_grey(panel.pixels)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize(
    ("more", "error", "complaint"),
    [
        ({"image": "fase"}, UnknownNameError, "no picture in this run called 'fase'; did you mean face?"),
        (
            {"image": "grey"},
            InputError,
            "grey is in mine x4 from LR matlab, other x4 from LR matlab: say which with --dataset",
        ),
        ({"dataset": "mien"}, UnknownNameError, "no dataset in this run called 'mien'; did you mean mine?"),
        (
            {"models": ("espn",)},
            UnknownNameError,
            "no model with this picture called 'espn'",
        ),
        ({"protocol": "srgan"}, UnknownNameError, "no protocol in this run called 'srgan'"),
        ({"metrics": ("lpisp",)}, UnknownNameError, "no metric of this picture called 'lpisp'"),
        ({"lr": "stored"}, UnknownNameError, "no LR in this run called 'stored'"),
        ({"scale": 2}, InputError, "this run has no pictures at x2, only at x4"),
    ],
)
def test_a_mistake_says_what_is_there(results, more, error, complaint):
    with pytest.raises(error, match=re.escape(complaint)):
        asked(results, **more)


def test_a_run_without_pictures_says_how_to_make_them(tmp_path, results):
    table = scores_table(tmp_path)
    table.add(read_scores(results))
    table.merge()
    with pytest.raises(InputError, match="holds no images/: make them with `bench run"):
        asked(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        asked(tmp_path / "nowhere")


# On paper


@pytest.mark.parametrize(
    ("rows", "width_mm", "crop"),
    [(1, 85, "10,20,32,24"), (2, 85, "3,5,21,40"), (1, 120.5, "0,0,64,64"), (2, 97.3, "7,9,33,31")],
)
def test_every_pixel_of_a_crop_is_a_square_of_dots(tmp_path, results, rows, width_mm, crop):
    grid = asked(results, crop=crop)
    sheet = lay_out(grid, rows=rows, width_mm=width_mm)
    (file,) = write_grid(grid, tmp_path / "grid.png", rows=rows, width_mm=width_mm)
    picture = PillowImage.open(file)
    dots = np.asarray(picture.convert("RGB"))
    assert dots.shape[:2] == (sheet.height, sheet.width)
    for panel, (x, y) in zip(grid.panels, sheet.tiles, strict=True):
        zoomed = np.kron(panel.pixels, np.ones((sheet.zoom, sheet.zoom, 1), np.uint8))
        assert np.array_equal(dots[y : y + zoomed.shape[0], x : x + zoomed.shape[1]], zoomed)
    assert picture.info["dpi"][0] >= DOTS_PER_INCH - 1
    assert sheet.width / picture.info["dpi"][0] * 25.4 == pytest.approx(width_mm, rel=2e-3)


def test_the_pdf_holds_the_same_pixels(tmp_path, results):
    grid = asked(results, crop="20,10,40,40")
    sheet = lay_out(grid, rows=1, width_mm=176)
    (file,) = write_grid(grid, tmp_path / "grid.pdf")
    found = list(pdf_images(file.read_bytes()))
    colourful = [panel for panel in grid.panels if len(np.unique(panel.pixels.reshape(-1, 3), axis=0)) > 256]
    assert {"espcn", "hr"} <= {panel.model for panel in colourful}  # fewer colours are stored as a palette
    for panel in colourful:
        zoomed = np.kron(panel.pixels, np.ones((sheet.zoom, sheet.zoom, 1), np.uint8))
        upwards = zoomed[::-1]  # as the matrix beside it in the file says
        assert any(np.array_equal(image, upwards) for image in found), panel.model


def pdf_images(data):
    """The RGB pictures of a PDF that have no palette: their streams are those of a PNG without its head."""
    for found in re.finditer(rb"<<[^<]*?/Subtype /Image.*?stream\r?\n", data, re.DOTALL):
        width, height = (int(re.search(rb"/%b (\d+)" % key, found[0])[1]) for key in (b"Width", b"Height"))
        if b"/ColorSpace /DeviceRGB" not in found[0]:
            continue
        rows = zlib.compress(zlib.decompressobj().decompress(data[found.end() :]))
        shape = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in ((b"IHDR", shape), (b"IDAT", rows), (b"IEND", b""))
        )
        yield np.asarray(PillowImage.open(BytesIO(png)))


def test_nothing_overlaps_and_all_of_it_is_on_the_sheet(results):
    grid = asked(results, crop="10,20,32,24")
    for rows, width_mm in ((1, 85), (2, 85), (2, 176)):
        sheet = lay_out(grid, rows=rows, width_mm=width_mm)
        size = 32 * sheet.zoom, 24 * sheet.zoom
        corners = [(0, 0, *sheet.picture), *((x, y, *size) for x, y in sheet.tiles)]
        for n, (x, y, width, height) in enumerate(corners):
            assert 0 <= x <= x + width <= sheet.width
            assert 0 <= y <= y + height < sheet.height
            for x2, y2, width2, height2 in corners[:n]:
                assert x >= x2 + width2 or x2 >= x + width or y >= y2 + height2 or y2 >= y + height
        texts = [text for text in draw(grid, sheet).texts if text.get_text()]
        for text in texts:
            box = text.get_window_extent()
            assert box.x0 >= -1
            assert box.x1 <= sheet.width + 1
            assert box.y0 >= -1
        assert min(text.get_fontsize() for text in texts) >= 5.5


def test_crops_too_small_to_see_are_refused(results):
    grid = asked(results)
    with pytest.raises(InputError, match=r"4 crops in 1 row on 30 mm would be \d mm wide: take --rows 2"):
        lay_out(grid, rows=1, width_mm=30)
    with pytest.raises(InputError, match="rows: expected 1 or 2, got 3"):
        lay_out(grid, rows=3, width_mm=176)
    for width_mm in (0, -5, 1e9, math.inf, math.nan):
        with pytest.raises(InputError, match="width: expected up to 1000 mm"):
            lay_out(grid, rows=1, width_mm=width_mm)


def test_the_command_writes_png_and_pdf_and_prints_what_the_numbers_are(tmp_path, results, capsys):
    assert main(["grid", str(results), "--image", "face", "--crop", "10,20,32,24", "--rows", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("PSNR (dB) / SSIM of the whole picture, protocol matlab.")
    for ending in ("png", "pdf"):
        assert f"grids/mine_face_x4.{ending}" in err
        assert (results / f"grids/mine_face_x4.{ending}").is_file()
    assert main(["grid", str(results), "--image", "face", "--out", str(tmp_path / "a.b")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.b.png", "a.b.pdf"}


@pytest.mark.parametrize(
    "arguments",
    [["--image", "fase"], ["--image", "face", "--crop", "1"], ["--image", "face", "--out", "."]],
)
def test_a_mistake_on_the_command_line_is_one_line(results, capsys, arguments):
    assert main(["grid", str(results), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("bench grid: ")
    assert err.count("\n") == 1

"""Packing: every pixel, no test picture, and nothing half written."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from sr_models.data.errors import InputError
from sr_models.data.image import read_image, write_image
from sr_models.data.resize import imresize
from sr_models.training.near_duplicates import UNCHECKED, from_images, from_test_sets
from sr_models.training.pack import open_pack, write_pack


def test_a_pack_holds_every_pixel(pictures, pack):
    assert [p.name for p in pack.pictures] == [f"pictures/{i}.png" for i in range(8)]
    for picture in pack.pictures:
        assert np.array_equal(pack.image(picture), read_image(pictures.parent / picture.name))


def test_one_picture_of_eight_is_held_out_whatever_the_order(pictures, pack, tmp_path):
    (held_out,) = [p for p in pack.pictures if p.held_out]
    for index, path in enumerate(sorted(pictures.glob("*.png"), reverse=True)):
        path.rename(path.with_name(f"renamed{index}.png"))
    again = write_pack([pictures], tmp_path / "again.pack", UNCHECKED, min_side=32, quiet=True)
    assert [p.sha256 for p in again.pictures if p.held_out] == [held_out.sha256]


def test_a_picture_given_twice_is_packed_once(pictures, tmp_path):
    pack = write_pack([pictures, pictures], tmp_path / "twice.pack", UNCHECKED, min_side=32, quiet=True)
    assert len(pack.pictures) == 8


def test_reduced_copies_are_imresizes_and_none_of_a_held_out_picture(pictures, pack, tmp_path):
    scales = (0.75, 0.5)
    more = write_pack([pictures], tmp_path / "c", UNCHECKED, min_side=32, copies=scales, quiet=True)
    assert more.pictures[:8] == pack.pictures  # the copies come after, and hold nothing else out
    wanted = {f"{p.name}@0.75" for p in pack.pictures if not p.held_out}  # at 0.5 they are 24 px high
    assert {p.name for p in more.pictures[8:]} == wanted
    for copy in more.pictures[8:]:
        whole = read_image(pictures.parent / copy.name.removesuffix("@0.75"))
        assert np.array_equal(more.image(copy), imresize(whole, 0.75))
    assert np.array_equal(more.image(more.pictures[3]), pack.image(pack.pictures[3]))


def test_a_copy_is_smaller_than_its_picture(pictures, tmp_path):
    with pytest.raises(InputError, match=r"scales between 0 and 1, got 1\.5"):
        write_pack([pictures], tmp_path / "c", UNCHECKED, min_side=32, copies=[0.5, 1.5], quiet=True)
    assert not (tmp_path / "c").exists()


def test_small_pictures_are_left_out_and_none_left_is_an_error(pictures, tmp_path, rng):
    write_image(pictures / "small.png", rng.integers(0, 256, (20, 90, 3)).astype(np.uint8))
    assert len(write_pack([pictures], tmp_path / "a", UNCHECKED, min_side=32, quiet=True).pictures) == 8
    with pytest.raises(InputError, match="none of 9 pictures is at least 49 px"):
        write_pack([pictures], tmp_path / "b", UNCHECKED, min_side=49, quiet=True)


def test_the_digest_follows_the_pixels(pictures, pack, tmp_path):
    same = write_pack([pictures], tmp_path / "same", UNCHECKED, min_side=32, quiet=True)
    assert same.digest() == pack.digest()
    image = read_image(pictures / "0.png").copy()
    image[0, 0, 0] ^= 1
    write_image(pictures / "0.png", image)
    other = write_pack([pictures], tmp_path / "other", UNCHECKED, min_side=32, quiet=True)
    assert other.digest() != pack.digest()


def _jpeg(image):
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(PillowImage.open(io.BytesIO(buffer.getvalue())))


@pytest.mark.parametrize(
    "disguise",
    [
        lambda image: image,
        lambda image: image[2:-1, 1:-2],
        lambda image: image[:, ::-1],
        lambda image: np.rot90(image, 3),
        _jpeg,
        lambda image: (image * 0.7 + 30).astype(np.uint8),
        lambda image: image.repeat(2, 0).repeat(2, 1),
    ],
    ids=["itself", "cropped", "mirrored", "turned", "jpeg", "other exposure", "enlarged"],
)
def test_a_test_picture_in_disguise_is_refused_and_no_pack_is_left(disguise, pictures, photo, tmp_path):
    benchmarks = from_images({"Set5/astronaut": photo}, ["Set5"])
    write_image(pictures / "disguised.png", np.ascontiguousarray(disguise(photo)))
    with pytest.raises(InputError, match=r"pictures/disguised\.png is Set5/astronaut \(correlation"):
        write_pack([pictures], tmp_path / "out.pack", benchmarks, min_side=32, quiet=True)
    assert not [p for p in tmp_path.iterdir() if p.suffix != ""]


def test_what_a_pack_was_checked_against_is_written_in_it(pictures, photo, tmp_path):
    benchmarks = from_images({"Set5/astronaut": photo}, ["Set5"])
    pack = write_pack([pictures], tmp_path / "out.pack", benchmarks, min_side=32, quiet=True)
    assert pack.checked_against == ("Set5",)


@pytest.mark.data
def test_a_training_picture_that_a_test_set_cropped_is_found(data_folder):
    benchmarks = from_test_sets()
    assert benchmarks.datasets[:3] == ("Set5", "Set14", "BSD100")
    near = benchmarks.near(read_image(data_folder / "BSD300-train" / "302003.jpg"))
    assert near is not None
    assert near.startswith("Set5/woman")


@pytest.mark.data
def test_no_training_picture_that_looks_alike_is_refused(data_folder):
    benchmarks = from_test_sets()
    folder = data_folder / "train" / "CID22-512_training"
    alike = [
        folder / name for name in ("1292115.jpg", "1287145.jpg")
    ]  # 0.934 and 0.912, the nearest there are
    assert [benchmarks.near(read_image(path)) for path in alike] == [None, None]


def test_an_empty_folder_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no picture in it"):
        write_pack([tmp_path / "empty"], tmp_path / "out.pack", UNCHECKED, quiet=True)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        write_pack([tmp_path / "nowhere"], tmp_path / "out.pack", UNCHECKED, quiet=True)


@pytest.mark.parametrize("keep", [12, 300, 5000, -1])
def test_a_pack_cut_short_is_refused(pack, keep):
    pack.path.write_bytes(pack.path.read_bytes()[:keep])
    with pytest.raises(InputError, match="cut short"):
        open_pack(pack.path)


@pytest.mark.parametrize(
    "header", [b"\xff" * 8, (2**62).to_bytes(8, "little"), (2).to_bytes(8, "little") + b"{}"]
)
def test_a_damaged_table_of_contents_is_refused(header, tmp_path):
    (tmp_path / "x.pack").write_bytes(b"SRPACK1\n" + header)
    with pytest.raises(InputError, match="cut short or damaged"):
        open_pack(tmp_path / "x.pack")


def test_another_file_is_no_pack(tmp_path):
    (tmp_path / "x.pack").write_bytes(b"something else entirely")
    with pytest.raises(InputError, match="not a pack"):
        open_pack(tmp_path / "x.pack")
    with pytest.raises(InputError, match="no such file"):
        open_pack(tmp_path / "y.pack")


def test_pixels_can_be_written_to_without_touching_the_file(pack):
    before = pack.path.read_bytes()
    pack.pixels()[:] = 0
    assert pack.path.read_bytes() == before

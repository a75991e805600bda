import numpy as np
import pytest

from sr_models.data.dataset import load_sample, only, open_dataset, passed_over
from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.fetch import FetchError
from sr_models.data.image import write_image


@pytest.fixture
def folder(tmp_path, photo):
    for name in ("pear", "fig"):
        write_image(tmp_path / f"{name}.png", photo[:50, :70])
    write_image(tmp_path / "grey.png", photo[:48, :64], grey=True)
    return tmp_path


def test_a_folder_of_ones_own_is_a_dataset(folder):
    pictures = open_dataset(f"mine={folder}", 4, "matlab")
    assert [(picture.dataset, picture.image) for picture in pictures] == [
        ("mine", "fig"),
        ("mine", "grey"),
        ("mine", "pear"),
    ]


def test_hr_is_cropped_to_a_multiple_of_the_scale(folder):
    sample = load_sample(open_dataset(f"mine={folder}", 4, "matlab")[0], "matlab")
    assert sample.hr.shape == (48, 68, 3)
    assert sample.lr.shape == (12, 17, 3)


def test_a_mod_12_crop_is_there_for_those_who_ask(folder):
    sample = load_sample(open_dataset(f"mine={folder}", 4, "matlab")[0], "matlab", multiple=12)
    assert sample.hr.shape == (48, 60, 3)


def test_a_grey_file_is_replicated_and_says_so(folder):
    sample = load_sample(open_dataset(f"mine={folder}", 4, "matlab")[1], "matlab")
    assert sample.is_grey
    assert np.array_equal(sample.lr[..., 0], sample.lr[..., 1])


def test_two_equal_stems_are_refused(folder, photo):
    (folder / "fig.bmp").write_bytes(b"")
    with pytest.raises(InputError, match=r"fig\.bmp and fig\.png .* have one id"):
        open_dataset(f"mine={folder}", 4, "matlab")


@pytest.mark.parametrize(
    ("spec", "lr", "complaint"),
    [
        ("mi/ne=.", "matlab", "expected a name of letters"),
        ("mine=nowhere", "matlab", "nowhere is not a folder"),
        ("mine=", "matlab", "expected NAME=FOLDER, got 'mine='"),
        ("mine={empty}", "matlab", "holds no pictures"),
        ("mine={empty}", "stored", "no stored LR pictures"),
        ("sample", "stored", "sample stores no LR pictures at x4"),
        ("srgan-authors", "matlab", "use --outputs srgan-authors"),
        ("Set6", "matlab", "did you mean Set5"),
    ],
)
def test_a_dataset_that_cannot_be_had_says_why(tmp_path, spec, lr, complaint):
    with pytest.raises(InputError, match=complaint):
        open_dataset(spec.format(empty=tmp_path), 4, lr)


def test_a_folder_of_ones_home_may_begin_with_a_tilde(folder, monkeypatch):
    """A shell leaves the tilde of `mine=~/pictures` alone."""
    (folder / "scan.jp2").write_bytes(b"")
    monkeypatch.setenv("HOME", str(folder.parent))
    spec = f"mine=~/{folder.name}"
    assert open_dataset(spec, 4, "matlab") == open_dataset(f"mine={folder}", 4, "matlab")
    assert passed_over(spec) == passed_over(f"mine={folder}") != []


def test_a_scale_that_is_not_stored_is_named():
    with pytest.raises(InputError, match="Set5 has no x8; it has x2, x3, x4"):
        open_dataset("Set5", 8, "matlab")


def test_without_network_and_pictures_the_ways_out_are_named(monkeypatch):
    monkeypatch.delenv("SRMOS_DATA", raising=False)
    monkeypatch.setattr("sr_models.data.manifest.Manifest.url_of", lambda *_: "http://127.0.0.1:9/nothing")
    with pytest.raises(FetchError, match=r"SRMOS_DATA .*`bench fetch Set5` .*NAME=FOLDER"):
        open_dataset("Set5", 4, "matlab")


def test_pictures_are_chosen_by_id_or_common_name(folder):
    pictures = open_dataset(f"mine={folder}", 4, "matlab")
    assert [picture.image for picture in only(pictures, ["pear"])] == ["pear"]
    with pytest.raises(UnknownNameError, match="did you mean pear"):
        only(pictures, ["peer"])


@pytest.mark.data
def test_stored_lr_is_used_when_asked_for_and_of_the_right_size():
    stored = load_sample(open_dataset("Set5", 3, "stored")[0], "stored")
    made = load_sample(open_dataset("Set5", 3, "matlab")[0], "matlab")
    assert np.array_equal(stored.lr, made.lr)


@pytest.mark.data
def test_a_common_name_belongs_to_its_picture():
    pictures = open_dataset("Set14", 4, "matlab")
    assert [picture.image for picture in only(pictures, ["baboon", "zebra"])] == ["img_001", "img_014"]
    assert [load_sample(picture, "matlab").is_grey for picture in pictures].count(True) == 1


# Sets that have to be asked for


@pytest.fixture
def brought(tmp_path, photo, monkeypatch):
    """A set of two pictures that the user brings, and its folder."""
    from sr_models.data import manifest as module

    place = tmp_path / "manifests"
    place.mkdir()
    (place / "Asked.toml").write_text(
        'name = "Asked"\ntitle = "t"\nkind = "benchmark"\nlicence = "l"\ncitation = "c"\nhomepage = "https://h"\n'
        'ask = "Write to the owner"\ncount = 2\nrole = "hr"\n'
    )
    monkeypatch.setattr(module, "manifest_dir", lambda: place)
    module.manifest.cache_clear()
    monkeypatch.setenv("SRMOS_DATA", str(tmp_path / "data"))
    yield tmp_path / "data" / "Asked"
    module.manifest.cache_clear()


def test_a_set_that_has_to_be_asked_for_says_whom(brought):
    with pytest.raises(
        FetchError, match="Asked is not on this machine: Write to the owner; put the pictures"
    ):
        open_dataset("Asked", 4, "matlab")


def test_what_the_user_brings_is_counted_and_its_hashes_hold_from_then_on(brought, photo):
    write_image(brought / "a.png", photo[:48, :48])
    with pytest.raises(InputError, match="expected the 2 pictures of Asked, got 1"):
        open_dataset("Asked", 4, "matlab")
    write_image(brought / "b.png", photo[:48, :64])
    first = open_dataset("Asked", 4, "matlab")
    assert [picture.image for picture in first] == ["a", "b"]
    assert open_dataset("Asked", 2, "matlab")[0].hr_sha256 == first[0].hr_sha256
    write_image(brought / "b.png", photo[8:56, :64])
    with pytest.raises(InputError, match=r"b\.png is not the Asked picture that was used first"):
        open_dataset("Asked", 4, "matlab")

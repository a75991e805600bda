import sys
from pathlib import Path

import pytest

from sr_models.data.errors import InputError, UnknownNameError
from sr_models.data.fetch import sha256_of
from sr_models.data.manifest import manifest, manifest_dir, manifest_names, read_manifest

FILE = '{ image = "a", role = "hr", path = "a.png" }'
HEAD = """
name = "tiny"
title = "A tiny set"
kind = "benchmark"
licence = "CC0"
citation = "nobody"
homepage = "https://example.org"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return path


def test_a_manifest_is_read(tmp_path):
    found = read_manifest(written(tmp_path, f'{HEAD}files = [{FILE}]\n[names]\na = "apple"'))
    assert found.images() == ["a"]
    assert found.names == {"a": "apple"}
    assert found.scales() is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{HEAD}files = [{FILE}]\ncolour = 1", "unknown key 'colour'"),
        (
            f'{HEAD}files = [{{ image = "a", role = "hr", path = "a.png", md5 = "" }}]',
            "file 1: unknown key 'md5'",
        ),
        (f"{HEAD}files = [{FILE}, {FILE}]", "a has two hr files"),
        (f"{HEAD}files = []", "lists no files"),
        (f'{HEAD}files = [{{ image = "a", role = "xr", path = "a" }}]', "role of a is 'xr'"),
        (f'{HEAD}files = [{{ image = "a" }}]', "missing 2 required positional arguments"),
        (f'{HEAD}files = [{FILE}]\n[names]\nb = "banana"', "names 'b', which is not an image"),
        (f"{HEAD.replace('tiny', 'other')}files = [{FILE}]", "says it is called 'other'"),
        (f"{HEAD.replace('benchmark', 'bench')}files = [{FILE}]", "kind is 'bench'"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_faulty_manifest_says_where_and_what(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint) as raised:
        read_manifest(written(tmp_path, text))
    assert "tiny.toml" in str(raised.value)


def test_an_unknown_set_says_what_was_near():
    with pytest.raises(UnknownNameError, match="no dataset called 'set5'; did you mean Set5"):
        manifest("set5")


@pytest.mark.parametrize(
    ("name", "images", "scales"),
    [
        ("Set5", 5, (2, 3, 4)),
        ("Set14", 14, (2, 3, 4)),
        ("BSD100", 100, (2, 3, 4)),
        ("BSD300-train", 200, None),
        ("BSD300-test", 100, None),
        ("Urban100", 100, None),
        ("T91", 91, None),
        ("BSDS500-test", 200, None),
        ("CLIC2025", 41, None),
        ("CID22", 209, None),
        ("gb82", 25, None),
        ("SunHays80", 80, None),
        ("DIV2K-train", 800, None),
        ("DIV2K-valid", 100, None),
        ("sample", 3, None),
    ],
)
def test_the_sets_have_their_published_sizes(name, images, scales):
    assert len(manifest(name).images()) == images
    assert manifest(name).scales() == scales


def test_common_names_follow_the_order_of_the_files():
    names = manifest("Set14").names
    assert (names["img_001"], names["img_009"], names["img_014"]) == ("baboon", "lenna", "zebra")
    assert list(manifest("Set5").names.values()) == ["baby", "bird", "butterfly", "head", "woman"]


def test_urban100_makes_other_scales_from_its_full_size_pictures():
    found = manifest("Urban100")
    assert len(found.at_scale(2, "hr")) == 100
    assert found.at_scale(2, "lr") == []
    assert len(found.at_scale(4, "lr")) == 100


def test_published_outputs_are_matched_to_pictures_by_name():
    found = manifest("srgan-authors")
    baboon = [file for file in found.files if (file.dataset, file.image) == ("Set14", "img_001")]
    assert [file.path for file in baboon] == [
        "SRGAN-VGG54/baboon_SRGAN-VGG54.png",
        "SRResNet-MSE/baboon_SRResNet-MSE.png",
    ]
    assert len(found.files) == 38


def test_the_folder_of_manifests_holds_no_python():
    """A package called datasets would hide Hugging Face's."""
    assert manifest_dir().name == "datasets"
    assert not list(manifest_dir().rglob("*.py"))


@pytest.mark.data
def test_the_benchmark_pictures_are_the_published_ones(data_folder):
    """Every byte of the sets that are here; a wrong hash in a manifest would show."""
    checked = 0
    for name in ("Set5", "Set14", "BSD100", "BSD300-train"):
        for file in manifest(name).files:
            path = data_folder / name / file.path
            if path.exists():
                assert sha256_of(path) == file.sha256, path
                checked += 1
    assert checked == 30 + 84 + 200 + 200


def test_no_module_of_ours_hides_one_of_the_standard_library():
    """`streamlit run mos_app/screens/app.py` puts that folder first on sys.path."""
    root = Path(__file__).parents[3]
    ours = {path.stem for path in (root / "mos_app" / "screens").glob("*.py")}
    assert not ours & sys.stdlib_module_names


def test_all_manifests_are_named_once_whatever_the_case():
    names = manifest_names()
    assert len({name.lower() for name in names}) == len(names) >= 16

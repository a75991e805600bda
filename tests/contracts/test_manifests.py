"""Every manifest is complete: terms, source, and a hash for every file that can have one."""

import re

import pytest

from sr_models.data.fetch import locate
from sr_models.data.manifest import manifest, manifest_names


@pytest.mark.parametrize("name", manifest_names())
def test_every_manifest_states_terms_and_source(name):
    found = manifest(name)
    assert all((found.title, found.licence, found.citation, found.homepage.startswith("https://")))


@pytest.mark.parametrize("name", manifest_names())
def test_every_file_can_be_fetched_and_verified(name):
    found = manifest(name)
    for file in found.files:
        if found.archive:
            assert file.member
        else:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.bytes > 0
            assert found.package or found.url_of(file).startswith("https://")


@pytest.mark.parametrize("name", manifest_names())
def test_every_lr_file_has_its_hr(name):
    found = manifest(name)
    for file in found.files:
        if file.role == "lr" and not found.is_lr_only:
            assert any(hr.image == file.image for hr in found.at_scale(file.scale or 0, "hr"))


def test_the_sample_ships_with_a_dependency():
    found = manifest("sample")
    assert all(locate(found, file) for file in found.files)


@pytest.mark.parametrize("name", [name for name in manifest_names() if manifest(name).ask])
def test_a_set_that_the_user_brings_says_how_and_how_many(name):
    found = manifest(name)
    assert found.count == {"LSDIR-val": 250, "Manga109": 109, "RealLQ250": 250}[name]
    assert found.ask[0].isupper()
    assert found.is_lr_only == (name == "RealLQ250")


def test_the_sets_that_real_world_tables_use_are_known():
    wanted = {
        "DIV2K-valid", "DRealSR", "LSDIR-val", "Manga109", "RealLQ250", "RealSR", "RealSet80", "Urban100",
    }  # fmt: skip
    assert wanted <= set(manifest_names())
    assert manifest("Urban100").scales() is None  # x2 and x3 are made from the full-size HR

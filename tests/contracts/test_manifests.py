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

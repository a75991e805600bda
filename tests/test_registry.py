import sys

import pytest

from sr_models.data.errors import UnknownNameError
from sr_models.registry import Registry


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry over a package of two files, written for the test."""
    package = tmp_path / "fruit_zoo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("fruit", package="fruit_zoo", group="srmos.nothing"), package
    for name in [name for name in sys.modules if name.startswith("fruit_zoo")]:
        del sys.modules[name]


def test_a_name_leads_to_its_item(registry):
    fruits, _ = registry
    fruits.add("apple", 1)
    fruits.add("pear", 2)
    assert (fruits["pear"], fruits.names(), list(fruits)) == (2, ["apple", "pear"], [1, 2])
    assert "apple" in fruits
    assert "fig" not in fruits


def test_a_name_that_is_taken_raises(registry):
    fruits, _ = registry
    fruits.add("apple", 1)
    with pytest.raises(ValueError, match="two fruits are called 'apple'"):
        fruits.add("apple", 2)


def test_an_unknown_name_says_what_was_near_or_what_is_known(registry):
    fruits, _ = registry
    fruits.add("apple", 1)
    with pytest.raises(UnknownNameError, match="no fruit called 'aple'; did you mean apple"):
        fruits["aple"]
    with pytest.raises(UnknownNameError, match="did you mean apple"):
        fruits["APPLE"]
    with pytest.raises(UnknownNameError, match="no fruit called 'xyz'; known: apple"):
        fruits["xyz"]


def test_a_file_put_into_the_package_is_found(registry):
    fruits, package = registry
    (package / "fig.py").write_text("import sys; sys.found_fig = True")
    fruits.names()
    assert sys.__dict__.pop("found_fig")


def test_an_import_error_in_one_file_raises_at_once(registry):
    fruits, package = registry
    (package / "fig.py").write_text("import no_such_module_at_all")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        fruits.names()


def test_entry_points_of_other_packages_are_loaded(registry, monkeypatch):
    fruits, _ = registry

    class Point:
        def load(self):
            fruits.add("kiwi", 3)

    monkeypatch.setattr(
        "sr_models.registry.entry_points", lambda group: [Point()] * (group == "srmos.nothing")
    )
    assert fruits["kiwi"] == 3

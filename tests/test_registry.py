import pickle
import subprocess
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


def test_after_an_import_error_every_later_lookup_raises_it_again(registry):
    fruits, package = registry
    (package / "apple.py").write_text("")
    (package / "fig.py").write_text("import no_such_module_at_all")
    for look_up in (fruits.names, lambda: fruits["apple"], lambda: "apple" in fruits, lambda: list(fruits)):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
            look_up()


def test_an_interrupted_first_lookup_is_made_again(registry):
    fruits, package = registry
    (package / "fig.py").write_text(
        "import sys\nif sys.__dict__.setdefault('tries', []) == []:\n"
        "    sys.tries.append(1)\n    raise KeyboardInterrupt\ndel sys.tries"
    )
    with pytest.raises(KeyboardInterrupt):
        fruits.names()
    assert fruits.names() == []
    assert "tries" not in sys.__dict__


def _install(folder, group, value):
    """Put a distribution called `other` with one entry point into a folder of sys.path."""
    info = folder / "other-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nkiwi = {value}\n")


def test_entry_points_of_installed_packages_are_loaded(registry, tmp_path):
    fruits, _ = registry
    (tmp_path / "fruit_zoo_kiwi.py").write_text("import sys; sys.found_kiwi = True")
    _install(tmp_path, "srmos.nothing", "fruit_zoo_kiwi")
    fruits.names()
    assert sys.__dict__.pop("found_kiwi")


def test_an_entry_point_that_fails_is_named_at_every_lookup(registry, tmp_path):
    fruits, _ = registry
    _install(tmp_path, "srmos.nothing", "fruit_zoo_that_is_not_there")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError) as caught:
            fruits.names()
        assert caught.value.__notes__ == [
            "in entry point 'kiwi = fruit_zoo_that_is_not_there' of group srmos.nothing"
        ]


def test_a_model_of_an_installed_package_runs_by_name(tmp_path):
    (tmp_path / "other.py").write_text(
        "from sr_models.models import model\nfrom sr_models.zoo.nearest import Nearest\n"
        "model('kiwi', version='1')(Nearest)\n"
    )
    _install(tmp_path, "srmos.models", "other")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numpy, sr_models\n"
        "print(sr_models.upscale(numpy.zeros((2, 3), numpy.uint8), 'kiwi').shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(8, 12)\n"


def test_an_unknown_name_comes_back_whole_from_another_process():
    error = pickle.loads(pickle.dumps(UnknownNameError("metric", "psnrr", ["ssim", "psnr"])))
    assert str(error) == "no metric called 'psnrr'; did you mean psnr?"
    assert error.name == "psnrr"

"""What every test shares: where the benchmark pictures are, and that no test goes quietly missing."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from sr_models.data.image import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
settings.register_profile("srmos", deadline=None, derandomize=True)  # a busy machine is no failure
settings.load_profile("srmos")
_skipped: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the benchmark pictures the tests that need them say so and are skipped."""
    if os.environ.get("SRMOS_DATA"):
        return
    skip = pytest.mark.skip(reason="needs the benchmark pictures: set SRMOS_DATA (README, Pictures)")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(skip)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped, and why."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On CI a skip that is not on the committed list is a failure."""
    if not os.environ.get("CI") or hasattr(session.config, "workerinput"):
        return
    allowed = [line.partition("  ")[0] for line in ALLOWED_SKIPS.read_text().splitlines() if line[:1] != "#"]
    surprises = [
        f"{node}: {reason}"
        for node, reason in _skipped.items()
        if not any(node.startswith(prefix) for prefix in allowed if prefix)
        and not ("SRMOS_DATA" in reason and not os.environ.get("SRMOS_DATA"))
    ]
    if surprises:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskipped, and not on tests/allowed_skips.txt:", *surprises, sep="\n  ")


@pytest.fixture
def data_folder() -> Path:
    """The folder of the benchmark pictures."""
    return Path(os.environ["SRMOS_DATA"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's downloads."""
    monkeypatch.setenv("SRMOS_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))


@pytest.fixture(scope="session")
def metric_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seeded random parameters for every metric that needs some."""
    from metric_weights import make

    return make(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers every time."""
    return np.random.default_rng(0)


@pytest.fixture
def photo() -> Image:
    """A 96x128 part of a real photograph (astronaut, public domain)."""
    from sr_models.data.dataset import load_sample, open_dataset

    return load_sample(open_dataset("sample", 4, "matlab")[0], "matlab").hr[40:136, 160:288]


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def fake_pyiqa(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pyiqa 9.9 that computes means: nobody's licence is needed to test the adapter."""
    import fake_packages

    folder = tmp_path_factory.mktemp("pyiqa")
    fake_packages.install(folder, monkeypatch, "pyiqa", "pyiqa", "9.9", fake_packages.PYIQA)
    yield
    fake_packages.forget("pyiqa")

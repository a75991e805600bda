"""How long a rater waits for the first page of a study on a slow line, and again when they come back.

Chromium slows the line down (Network.emulateNetworkConditions); the load of the machine is printed beside.

    python benchmarks/first_page.py          # 1.6 Mbit/s, without delay and with 150 ms a round trip
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from mos_app.rehearsal.scratch import scratch_server
from mos_app.store.connection import open_database
from mos_app.store.invites import make_invites
from mos_app.study.definition import Settings
from mos_app.study.freeze import Calibration, freeze
from mos_app.study.sources import versions_in_folder
from sr_models.data.dataset import open_dataset
from sr_models.data.image import crop_to_multiple, read_image, write_image
from sr_models.data.resize import imresize

BITS_PER_SECOND = 1_600_000
ROUND_TRIPS_MS = (0, 150)
REPEATS = 3


def main() -> None:
    """Print the times until "I would like to take part" can be ticked."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        study = make_study(Path(name))
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with scratch_server(study, f"sqlite:///{study / 'study.db'}") as address:
            db = open_database(study)
            link = f"{address}/?invite={make_invites(db, 1, reusable=True)[0]}"
            db.close()
            measure(browser, link, None)  # the server's own first time
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, Chromium {browser.version}")
            print(f"{'line':<26}{'first':>8}{'again':>8}{'kB':>6}")
            report(browser, link, "as fast as it is", None)
            for delay in ROUND_TRIPS_MS:
                report(browser, link, f"1.6 Mbit/s, {delay} ms", delay)
            print(f"load {os.getloadavg()[0]:.1f} afterwards")
        browser.close()


def make_study(folder: Path) -> Path:
    """Return a study of the sample pictures."""
    for picture in open_dataset("sample", 4, "matlab"):
        hr = crop_to_multiple(read_image(picture.hr), 4)
        for method, image in {"hr": hr, "bicubic": imresize(imresize(hr, 0.25), 4.0)}.items():
            write_image(folder / "pictures" / method / f"{Path(picture.hr).stem}.png", image)
    freeze(folder / "study", versions_in_folder(folder / "pictures"), Settings(), calibration=Calibration([]))
    return folder / "study"


def report(browser: Browser, link: str, line: str, delay: int | None) -> None:
    """Print medians over visitors that have never been here."""
    visits = [measure(browser, link, delay) for _ in range(REPEATS)]
    first, again, size = (statistics.median(each) for each in zip(*visits, strict=True))
    print(f"{line:<26}{first:>6.2f} s{again:>6.2f} s{size / 1000:>6.0f}")


def measure(browser: Browser, link: str, delay: int | None) -> tuple[float, float, float]:
    """Return seconds until the first page is there, the same when loaded again, and bytes of the first."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    line = context.new_cdp_session(page)
    received: list[float] = []
    line.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    line.send("Network.enable")
    if delay is not None:
        speed = BITS_PER_SECOND / 8
        line.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": delay, "downloadThroughput": speed, "uploadThroughput": speed},
        )
    first = seconds_until_shown(page, lambda: page.goto(link, wait_until="commit"))
    size = sum(received)
    again = seconds_until_shown(page, lambda: page.reload(wait_until="commit"))
    context.close()
    return first, again, size


def seconds_until_shown(page: Page, go: Callable[[], object]) -> float:
    """Return how long it takes until the consent can be given."""
    start = time.perf_counter()
    go()
    page.locator("#agree").wait_for(timeout=90_000)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

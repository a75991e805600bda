"""Make the pictures of docs/page.md and the README: the page of a run on the built-in sample, in Chromium.

python docs/make_page_screenshots.py DIR        (DIR: made by `bench run --results DIR`)
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.analysis.results import read_results
from bench.page.build import write_page

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1080, "height": 1000}
VIEWS = {
    "page_tables": ("light", "#sort-summary=%2Bsample%2Fpsnr"),
    "page_viewer": (
        "dark",
        "#dataset=sample&scale=4&picture=chelsea&a=bicubic&b=hr&mode=slider&zoom=5&at=148,108",
    ),
}


def shoot(browser: Browser, address: str, name: str) -> None:
    """Write one screenshot, at 1.25 device pixels a CSS pixel."""
    scheme, state = VIEWS[name]
    page = browser.new_page(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.25)
    page.goto(address + state)
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


if __name__ == "__main__":
    written = write_page(read_results(Path(sys.argv[1])))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for view in VIEWS:
            shoot(chromium, written.as_uri(), view)

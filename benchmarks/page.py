"""How large the page of 500 pictures by 6 models is, and how long Chromium takes to open, sort and compare.

python benchmarks/page.py [--pictures 500] [--models 6]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from conftest import CHROMIUM
from page_folders import many

from bench.analysis.results import read_results
from bench.page.build import write_page

REPEATS = 7
OPENED = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# milliseconds from a click until the frame after it has been drawn
CLICK = """([selector]) => new Promise((done) => {
    const start = performance.now();
    document.querySelector(selector).click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--models", type=int, default=6)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        many(Path(folder), args.pictures, args.models)
        seconds = _seconds(lambda: write_page(read_results(Path(folder))))
        page_file = write_page(read_results(Path(folder)))
        figures = {
            "page_mb": page_file.stat().st_size / 1e6,
            "thumbnails_mb": _thumbnails(page_file) / 1e6,
            "write_seconds": seconds,
            **_browse(page_file),
        }
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=1))


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _thumbnails(page_file: Path) -> int:
    start, end = '<script type="application/json" id="data">', "</script>"
    data = json.loads(page_file.read_text().partition(start)[2].partition(end)[0])
    return sum(len(uri) for pictures in data["sets"] for uri in pictures["thumbnails"])


def _browse(page_file: Path) -> dict[str, float]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        rounds = [_visit(browser.new_context().new_page(), page_file) for _ in range(REPEATS)]
        browser.close()
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _visit(page: Page, page_file: Path) -> dict[str, float]:
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(300)
    figures = {"opened_ms": page.evaluate(OPENED), "painted_ms": page.evaluate(PAINTED)}
    figures["sort_ms"] = page.evaluate(CLICK, [".pictures thead th:last-child button"])
    figures["filter_ms"] = page.evaluate(CLICK, [".chip[value='model-1']"])
    start = time.perf_counter()
    page.locator("a.entry").first.click()
    page.wait_for_selector("dialog[data-shown]")
    figures["compare_ms"] = 1000 * (time.perf_counter() - start)
    page.context.close()
    return figures


if __name__ == "__main__":
    main()

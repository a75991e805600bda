"""Makes the study's pictures in docs/images: the rater's screens, a phone's, the admin page, a report.

python docs/make_study_screenshots.py      (needs Chromium and a folder of pictures: the sample set)
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import mos_app
from mos_app.analysis.statistics.simulation import simulate_srgan_study
from mos_app.rehearsal.rehearse import Plan, rehearse
from mos_app.rehearsal.scratch import scratch_server
from mos_app.store.codes import password_hash
from mos_app.store.connection import open_database
from mos_app.store.importing import import_ratings
from mos_app.store.invites import make_invites
from mos_app.store.state import edit_study, set_admin_hash
from mos_app.study.definition import Settings
from mos_app.study.freeze import Calibration, freeze
from mos_app.study.sources import versions_in_folder
from sr_models.data.dataset import open_dataset
from sr_models.data.image import crop_to_multiple, read_image, write_image
from sr_models.data.resize import imresize

IMAGES = Path(__file__).parent / "images"
PASSWORD = "a password for screenshots"  # noqa: S105
DESKTOP = {"viewport": {"width": 1366, "height": 768}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


def main() -> None:
    """Write every picture."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        study = make_study(folder)
        with scratch_server(study, f"sqlite:///{study / 'study.db'}") as address:
            db = open_database(study)
            set_admin_hash(db, password_hash(PASSWORD))
            links = [f"{address}/?invite={code}" for code in make_invites(db, 2, label="lab A")]
            make_invites(db, 3, label="lab B")
            raters_screens(browser, links[0])
            phone(browser, links[1])
            edit_study(db, {"contact": "lab@example.org"}, who="ada")
            admin(browser, address)
            db.close()
        report(browser, folder)
        browser.close()


def make_study(folder: Path) -> Path:
    """Return a study of the sample pictures with a few simulated raters in it."""
    for picture in open_dataset("sample", 4, "matlab"):
        hr = crop_to_multiple(read_image(picture.hr), 4)
        small = imresize(hr, 0.25)
        versions = {"hr": hr, "bicubic": imresize(small, 4.0), "nearest": small.repeat(4, 0).repeat(4, 1)}
        for method, image in versions.items():
            write_image(folder / "pictures" / method / f"{Path(picture.hr).stem}.png", image)
    study = folder / "study"
    settings = Settings(title="Which picture looks better?", raters=26, screen_out_code="SCREEN-07")
    freeze(study, versions_in_folder(folder / "pictures"), settings, calibration=Calibration([]))
    rehearse(study, Plan(raters=4, think=(0.8, 1.2)), export_to=folder / "export")
    db = open_database(study)
    import_ratings(db, folder / "export" / "ratings.csv")
    db.close()
    return study


def raters_screens(browser: Browser, link: str) -> None:
    """The welcome page and the rating page."""
    page = browser.new_context(**DESKTOP).new_page()
    page.goto(link)
    page.locator("#agree").wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "study_welcome.png")
    page.locator("#agree").check()
    page.get_by_role("button", name="Begin").click()
    page.locator("#dark6").check(force=True)
    page.locator("#light6").check(force=True)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".rating:not(.locked)").wait_for()
    page.screenshot(path=IMAGES / "study_rate.png")
    for key in "42":  # somebody on the way and too fast, for the admin's page
        page.locator(".rating:not(.locked)").wait_for()
        page.keyboard.press(key)
        page.locator(".rating.locked").wait_for()


def phone(browser: Browser, link: str) -> None:
    """What a phone is told."""
    page = browser.new_context(**PHONE).new_page()
    page.goto(link)
    page.locator("h1").wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "study_phone.png")


def admin(browser: Browser, address: str) -> None:
    """Progress and the edit form, in the dark."""
    page = browser.new_context(viewport={"width": 1366, "height": 600}, color_scheme="dark").new_page()
    page.goto(f"{address}/admin")
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Unused links").wait_for()
    _settled(page)
    page.screenshot(path=IMAGES / "study_admin.png")
    page.get_by_test_id("stButtonGroup").get_by_text("Study", exact=True).click()
    page.get_by_label("Completion URL").wait_for()
    page.set_viewport_size({"width": 1366, "height": 1160})
    _settled(page)
    page.screenshot(path=IMAGES / "study_edit.png")


def _settled(page: Page) -> None:
    page.wait_for_timeout(2500)


def report(browser: Browser, folder: Path) -> None:
    """The first screen of a report."""
    table = simulate_srgan_study(seed=0)
    analysis = mos_app.analyse(table[table["dataset"] != "BSD100"], title="SRGAN study, simulated", draws=100)
    (folder / "report.html").write_text(analysis.page())
    page = browser.new_context(viewport={"width": 1366, "height": 940}).new_page()
    page.goto((folder / "report.html").as_uri())
    page.screenshot(path=IMAGES / "study_report.png")


if __name__ == "__main__":
    main()

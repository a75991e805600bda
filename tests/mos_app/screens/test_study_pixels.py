"""The promise of the rating page: what is on the screen is the picture, pixel by pixel."""

from pathlib import Path

import pytest
from rater_page import RaterPage
from studies import Served, make_study

from mos_app.store.connection import open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows, upcoming
from mos_app.study.definition import Settings
from sr_models.data.image import read_image

SIZES = ((480, 320), (1000, 600))


@pytest.fixture(scope="module")
def served_study(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("pixels")
    make_study(folder, settings=Settings(break_every=0), methods=("noise-a", "noise-b"), sizes=SIZES)
    server = Served(folder / "study").start()
    yield server
    server.stop()


@pytest.mark.parametrize("ratio", [1, 1.25, 1.5, 2])
def test_the_screen_shows_every_pixel_of_the_picture(browser, served_study, ratio):
    db = open_database(served_study.folder)
    context = browser.new_context(viewport={"width": 1366, "height": 768}, device_scale_factor=ratio)
    rater = RaterPage.opened(context, f"{served_study.address}/?invite={make_invites(db, 1)[0]}").begin()
    identity = rater_rows(db)[-1]["id"]
    seen = set()
    for key in "345":
        rater.ready()
        stimulus = db.study.by_id[upcoming(db, identity, 1)[0].stimulus]
        expected = read_image(served_study.folder / stimulus.file)
        shown = rater.canvas_pixels()
        assert shown.shape == expected.shape
        assert (shown == expected).all(axis=2).mean() == 1.0
        seen.add((stimulus.width, stimulus.height))
        rater.rate(key)
        rater.page.wait_for_timeout(400)
    assert seen == set(SIZES)
    db.close()
    context.close()


def test_full_screen_stays_exact_and_is_stored(browser, served_study):
    db = open_database(served_study.folder)
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    rater = RaterPage.opened(context, f"{served_study.address}/?invite={make_invites(db, 1)[0]}").begin()
    identity = rater_rows(db)[-1]["id"]
    rater.page.get_by_role("button", name="Full screen").last.click()
    rater.page.get_by_role("button", name="Leave full screen").wait_for()
    rater.ready()
    stimulus = db.study.by_id[upcoming(db, identity, 1)[0].stimulus]
    assert (rater.canvas_pixels() == read_image(served_study.folder / stimulus.file)).all()
    rater.rate("3")
    rater.ready()
    assert [row["fullscreen"] for row in rating_rows(db) if row["rater"] == identity] == [True]
    db.close()
    context.close()


def test_a_window_too_small_for_the_picture_is_asked_to_grow_and_then_goes_on(browser, served_study):
    db = open_database(served_study.folder)
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    rater = RaterPage.opened(context, f"{served_study.address}/?invite={make_invites(db, 1)[0]}").begin()
    rater.page.set_viewport_size({"width": 420, "height": 380})
    rater.page.locator(".cover h1", has_text="make the window larger").wait_for()
    rater.press("3")
    rater.page.wait_for_timeout(500)
    identity = rater_rows(db)[-1]["id"]
    assert upcoming(db, identity, 1)[0].position == 0  # nothing was rated blind
    rater.page.set_viewport_size({"width": 1366, "height": 768})
    rater.rate("3")
    rater.ready()
    assert upcoming(db, identity, 1)[0].position == 1
    db.close()
    context.close()


def test_the_bytes_served_are_the_bytes_that_were_frozen(tmp_path: Path):
    study = make_study(tmp_path)
    for stimulus in study.stimuli:
        source = tmp_path / "run" / "images" / stimulus.method / "Demo" / "x4" / f"{stimulus.picture}.png"
        assert (tmp_path / "study" / stimulus.file).read_bytes() == source.read_bytes()

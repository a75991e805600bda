"""Keys: one press is one rating of the picture on the screen, on any keyboard, from anywhere on the page."""

from collections.abc import Iterator

import pytest
from rater_page import RaterPage
from studies import Served, make_study, until

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.ratings import rating_rows
from mos_app.study.definition import Settings


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    folder = tmp_path_factory.mktemp("keys")
    make_study(folder, settings=Settings(break_every=0))
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield server, db
    db.close()
    server.stop()


@pytest.fixture
def tab(hall, browser) -> Iterator[RaterPage]:
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    yield RaterPage.opened(context, f"{server.address}/?invite={make_invites(db, 1)[0]}")
    context.close()


def test_holding_enter_on_a_button_is_one_rating_and_a_second_press_is_another(tab):
    tab.begin()
    tab.page.locator(".scale button").nth(3).focus()
    tab.page.keyboard.down("Enter")
    for _ in range(40):
        tab.page.keyboard.down("Enter")  # what holding a key sends
        tab.page.wait_for_timeout(50)
    tab.page.keyboard.up("Enter")
    assert tab.acknowledged == 1
    tab.ready()
    tab.press("Enter")
    until(lambda: tab.acknowledged == 2)


def test_after_a_click_the_space_bar_rates_nothing(tab):
    tab.begin()
    tab.page.locator(".scale button").nth(1).click()
    tab.page.locator(".rating.locked").wait_for()
    tab.ready()
    tab.press("Space")
    tab.page.wait_for_timeout(600)
    assert tab.acknowledged == 1


def test_the_digit_row_of_a_french_keyboard_rates(hall, tab):
    _, db = hall
    tab.begin()
    before = len(rating_rows(db))
    session = tab.page.context.new_cdp_session(tab.page)
    key = {"key": "'", "code": "Digit4", "text": "'", "unmodifiedText": "'"}
    session.send("Input.dispatchKeyEvent", {"type": "keyDown", **key})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": "'", "code": "Digit4"})
    until(lambda: len(rating_rows(db)) == before + 1)
    assert rating_rows(db)[-1]["score"] == 4


def test_enter_alone_goes_from_the_viewing_check_to_the_first_picture(tab):
    tab.page.locator("#agree").check()
    tab.page.locator("#agree").press("Tab")
    tab.press("Enter")
    tab.page.locator("#dark6").check(force=True)
    tab.page.locator("#light6").check(force=True)
    tab.page.locator("h1").focus()
    tab.press("Enter")
    tab.page.get_by_role("heading", name="How it works").wait_for()
    tab.page.wait_for_timeout(300)
    tab.press("Enter")
    tab.ready()


def test_tab_reaches_nothing_but_what_is_on_the_screen(tab):
    tab.page.locator("#agree").wait_for()
    seen = set()
    for _ in range(12):
        tab.press("Tab")
        seen.add(
            tab.page.evaluate(
                "() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = "
                "e.shadowRoot.activeElement; return e === document.body ? 'body' : "
                "(e.closest('.srmos') ? 'ours' : e.outerHTML.slice(0, 80)); }"
            )
        )
    assert seen <= {"ours", "body"}
    assert "ours" in seen

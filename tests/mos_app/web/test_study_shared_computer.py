"""One computer, several people: every rating belongs to the person who gave it."""

from collections.abc import Iterator

import pytest
from rater_page import RaterPage
from studies import Served, make_study, until

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows
from mos_app.store.state import set_closed
from mos_app.study.definition import Settings


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    folder = tmp_path_factory.mktemp("shared")
    make_study(folder, settings=Settings(break_every=0), methods=("noise-a", "noise-b"))
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield server, db
    db.close()
    server.stop()


def link(server: Served, db: Database, rater: str | None = None) -> str:
    return f"{server.address}/?invite={make_invites(db, 1, rater=rater)[0]}"


def rate(tab: RaterPage, db: Database, key: str) -> None:
    before = len(rating_rows(db))
    tab.rate(key)
    until(lambda: len(rating_rows(db)) == before + 1)


def test_the_next_persons_link_never_continues_the_last_person(hall, browser):
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    first = RaterPage.opened(context, link(server, db)).begin()
    one = rater_rows(db)[-1]["id"]
    rate(first, db, "1")
    first.page.goto(link(server, db))  # another one-time link, for another person
    first.page.get_by_role("button", name="I am someone else").click()
    second = RaterPage(first.page).begin()
    two = rater_rows(db)[-1]["id"]
    rate(second, db, "5")
    second.page.goto(link(server, db, rater=one))  # the first person comes back by a link of theirs
    second.page.get_by_role("button", name="I am someone else").click()
    second.page.locator("#agree").check()
    second.page.get_by_role("button", name="Begin").click()
    rate(second, db, "2")
    context.close()
    given = {row["presentation"]: (row["rater"], row["score"]) for row in rating_rows(db)}
    assert sorted(given.values()) == sorted([(one, 1), (two, 5), (one, 2)])


def test_before_rating_every_screen_lets_somebody_else_begin(hall, browser):
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = RaterPage.opened(context, link(server, db)).page
    page.locator("#agree").check()
    page.get_by_role("button", name="Begin").click()
    page.locator(".checks").wait_for()
    page.get_by_role("button", name="Not you? Start as someone else").click()
    page.get_by_role("heading", name="An invitation is needed").wait_for()
    context.close()


def test_a_study_that_closes_says_so_at_once_and_names_what_is_not_stored(hall, browser):
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    tab = RaterPage.opened(context, link(server, db)).begin()
    rate(tab, db, "3")
    stored = len(rating_rows(db))
    set_closed(db, True)
    tab.rate("4")
    tab.page.locator(".cover h1", has_text="This study is closed").wait_for(timeout=5000)
    tab.page.locator(".cover", has_text="are not stored: 1").wait_for(timeout=5000)
    tab.press("5")
    tab.page.wait_for_timeout(800)
    assert tab.acknowledged == 2
    assert len(rating_rows(db)) == stored
    set_closed(db, False)
    context.close()

"""Coming in, coming back and being kept out, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route
from rater_page import RaterPage
from studies import Served, make_study, rate_all, until

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows
from mos_app.store.state import set_paused
from mos_app.study.definition import Settings

WINDOW = {"viewport": {"width": 1366, "height": 768}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    folder = tmp_path_factory.mktemp("entering")
    settings = Settings(break_every=0, screen_out_code="NOPHONES", screen_out_url="https://panel.example/out")
    make_study(folder, settings=settings, methods=("noise-a", "noise-b"))
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield server, db
    db.close()
    server.stop()


@pytest.fixture(scope="module")
def open_hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    """A study that lets touch screens in."""
    folder = tmp_path_factory.mktemp("touch")
    make_study(folder, settings=Settings(break_every=0, touch="allow"), methods=("noise-a", "noise-b"))
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield server, db
    db.close()
    server.stop()


def link(hall: tuple[Served, Database], **how: object) -> str:
    server, db = hall
    return f"{server.address}/?invite={make_invites(db, 1, **how)[0]}"


def agree(page: object) -> None:
    page.locator("#agree").check()
    page.get_by_role("button", name="Begin").click()


def test_an_answer_to_entering_that_is_lost_lets_the_same_person_in(hall, browser):
    _, db = hall
    context = browser.new_context(**WINDOW)
    page = RaterPage.opened(context, link(hall)).page
    before, lost = len(rater_rows(db)), []

    def lose(route: Route) -> None:
        if not lost:
            lost.append(route.fetch().status)  # the server has done its work, and the answer goes nowhere
            route.abort()
        else:
            route.continue_()

    page.route("**/mos/enter", lose)
    agree(page)
    page.locator(".checks").wait_for(timeout=15000)
    assert lost == [201]
    assert len(rater_rows(db)) == before + 1
    context.close()


def test_a_lost_cookie_is_no_dead_end_soon_after_entering_and_later_by_the_random_name(hall, browser):
    _, db = hall
    context, url = browser.new_context(**WINDOW), link(hall)
    tab = RaterPage.opened(context, url).begin()
    rater = rater_rows(db)[-1]["id"]
    context.clear_cookies()
    tab.page.goto(url)
    tab.page.get_by_text("Somebody began with this link a moment ago").wait_for()
    tab.page.get_by_role("button", name="Go on").click()
    tab.ready()
    tab.page.goto(url)
    tab.page.get_by_role("button", name="I am someone else").click()  # leaves: the link alone no longer opens
    tab.page.get_by_label("Your random name").fill("aaaabbbb")
    tab.page.get_by_role("button", name="Go on").click()
    tab.page.get_by_text("That is not the name").wait_for()
    tab.page.get_by_label("Your random name").fill(rater)
    tab.page.get_by_role("button", name="Go on").click()
    tab.rate("4")
    until(lambda: [row["score"] for row in rating_rows(db) if row["rater"] == rater] == [4])
    context.close()


def test_a_finished_persons_own_link_shows_their_code_again_and_another_persons_never_does(hall, browser):
    _, db = hall
    context, own = browser.new_context(**WINDOW), link(hall)
    page = context.new_page()
    page.goto(own)
    agree(page)
    page.locator(".checks").wait_for()
    rate_all(db, rater_rows(db)[-1]["id"])
    code = rater_rows(db)[-1]["completion_code"]
    page.goto(link(hall))
    page.get_by_role("button", name="I am someone else").wait_for()
    assert page.get_by_role("button", name="Show my completion code").count() == 0
    page.goto(own)
    page.get_by_role("button", name="Show my completion code").click()
    page.get_by_text(code).wait_for()
    context.close()


def test_on_a_phone_nothing_of_the_first_screen_lies_over_another_or_beyond_the_edge(open_hall, browser):
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(link(open_hall))
    page.locator("#agree").wait_for()
    head, card = page.locator(".page > header").bounding_box(), page.locator(".card").bounding_box()
    switch, title = page.locator(".languages").bounding_box(), page.locator("h1").bounding_box()
    assert head["y"] + head["height"] <= card["y"]
    assert switch["y"] + switch["height"] <= title["y"]
    last = page.locator(".steps li").last.bounding_box()
    assert last["x"] + last["width"] <= PHONE["viewport"]["width"]
    context.close()


def test_a_tab_behind_another_persons_asks_before_it_goes_on(hall, browser):
    _, db = hall
    context = browser.new_context(**WINDOW)
    first = RaterPage.opened(context, link(hall)).begin()
    second = RaterPage.opened(context, link(hall))
    second.page.get_by_role("button", name="I am someone else").click()
    second.begin()
    two, before = rater_rows(db)[-1]["id"], len(rating_rows(db))
    first.press("1")
    first.page.locator(".cover h1", has_text="open your invitation link again").wait_for(timeout=8000)
    assert len(rating_rows(db)) == before
    first.page.reload()
    first.page.get_by_role("heading", name="Welcome back").wait_for()
    second.rate("5")
    until(lambda: len(rating_rows(db)) == before + 1)
    assert [row["rater"] for row in rating_rows(db)][-1] == two
    context.close()


def test_a_phone_is_told_that_a_computer_is_needed_and_gets_the_screen_out_code(hall, browser):
    _, db = hall
    context = browser.new_context(**PHONE)
    before = len(rater_rows(db))
    page = RaterPage.opened(context, link(hall)).page
    page.get_by_role("heading", name="A computer is needed").wait_for()
    assert page.get_by_text("NOPHONES").is_visible()
    assert (
        page.get_by_role("link", name="Return to the panel").get_attribute("href")
        == "https://panel.example/out"
    )
    assert len(rater_rows(db)) == before
    context.close()


def test_where_phones_are_let_in_all_five_answers_are_on_the_screen(open_hall, browser):
    context = browser.new_context(**PHONE)
    tab = RaterPage.opened(context, link(open_hall)).begin()
    boxes = [button.bounding_box() for button in tab.page.locator(".scale button").all()]
    assert len(boxes) == 5
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert all(box["y"] + box["height"] <= 844 and box["width"] > 44 for box in boxes)
    context.close()


def test_a_zoomed_page_and_unreadable_grey_steps_hold_a_rater_up(hall, browser):
    context = browser.new_context(viewport={"width": 1000, "height": 700}, device_scale_factor=2)
    context.add_init_script(
        "Object.defineProperty(window, 'outerWidth', { get: () => 2 * window.innerWidth })"
    )
    page = RaterPage.opened(context, link(hall)).page
    agree(page)
    page.locator("#dark6").check(force=True)
    page.locator("#light6").check(force=True)
    page.get_by_text("zooms this page to about 200 %").wait_for()
    assert page.get_by_role("button", name="Continue").is_disabled()
    assert page.get_by_text("NOPHONES").is_visible()
    context.close()
    context = browser.new_context(**WINDOW)
    page = RaterPage.opened(context, link(hall)).page
    agree(page)
    page.locator("#dark2").check(force=True)
    page.locator("#light6").check(force=True)
    page.get_by_text("At least 3 squares").wait_for()
    assert page.get_by_role("button", name="Continue").is_disabled()
    page.locator("#dark3").check(force=True)
    assert page.get_by_role("button", name="Continue").is_enabled()
    context.close()


def test_a_study_without_practice_announces_none(hall, browser):
    context = browser.new_context(**WINDOW)
    page = context.new_page()
    page.goto(link(hall))
    page.locator("#agree").wait_for()
    assert page.locator(".steps li").all_inner_texts() == ["Welcome", "Screen", "Rating", "Done"]
    context.close()


@pytest.mark.parametrize(
    "ids",
    [
        "id=",
        "id=one&id=two",
        "id=two+words",
        "id=" + 65 * "x",
        "id=5f3c%00",
        "id=%C3%A9t%C3%A9",
        "PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D",  # the panel's own placeholder, not filled in
        "id=5f3c&STUDY_ID=a/b",
        "id=5f3c&SESSION_ID=",
    ],
)
def test_a_panels_id_that_does_not_fit_is_told_in_a_sentence_and_makes_no_entry(hall, browser, ids):
    _, db = hall
    before, url = len(rater_rows(db)), link(hall, reusable=True)
    context = browser.new_context(**WINDOW)
    page = context.new_page()
    page.goto(f"{url}&{ids}")
    page.get_by_role("heading", name="This link does not fit").wait_for()
    sentence = "The panel’s number in the address cannot be read, so your work could not be credited."
    assert page.get_by_text(sentence).is_visible()
    assert page.locator("#agree").count() == page.get_by_role("button", name="Begin").count() == 0
    assert len(rater_rows(db)) == before
    page.goto(f"{url}&id=5f3c&STUDY_ID=s_1&SESSION_ID=t-2")  # the same link with ids that fit
    page.locator("#agree").wait_for()
    context.close()


def test_a_pause_stops_a_rater_and_its_end_lets_them_go_on_by_themselves(hall, browser):
    _, db = hall
    context = browser.new_context(**WINDOW)
    tab = RaterPage.opened(context, link(hall)).begin()
    rater = rater_rows(db)[-1]["id"]
    set_paused(db, True)
    for _ in range(4):
        tab.rate("3")
    tab.page.locator(".cover h1", has_text="The study is paused").wait_for(timeout=8000)
    until(lambda: sum(row["rater"] == rater for row in rating_rows(db)) == 4)
    set_paused(db, False)
    tab.ready()
    tab.rate("2")
    until(lambda: sum(row["rater"] == rater for row in rating_rows(db)) == 5)
    context.close()

"""The admin page in a browser: signing in and out, links, edits, more pictures, light and dark."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from admin_page import section, sign_in
from rater_page import RaterPage
from studies import SENTINELS, Served, make_study, new_rater, newcomer, rate_all, until, write_run

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import invite_rows, make_invites
from mos_app.store.raters import enter, rater_rows
from mos_app.store.state import admin_hash, change_rows, set_admin_hash, standing
from mos_app.study.definition import Settings


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    folder = tmp_path_factory.mktemp("admin")
    make_study(folder, settings=Settings(break_every=0, title="Which looks better?", raters=26))
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    for score in (2, 4):
        rate_all(db, new_rater(db)[0], score)
    code = make_invites(db, 1, reusable=True, label="panel")[0]
    enter(db, newcomer(db.study, code, panel="5f3c", panel_session="s1"))
    rate_all(db, rater_rows(db)[-1]["id"], 3)
    yield server, db
    db.close()
    server.stop()


@pytest.fixture
def page(hall, browser) -> Iterator:
    context = browser.new_context(
        viewport={"width": 1366, "height": 900}, color_scheme="dark", timezone_id="Europe/Berlin"
    )
    page = context.new_page()
    page.goto(f"{hall[0].address}/admin")
    yield page
    context.close()


def test_signing_out_ends_the_session_in_the_dark_too(hall, page):
    sign_in(page)
    page.get_by_text("Unused links").wait_for()
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert max(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(",")) < 60
    page.get_by_text("Approve list (0)").first.wait_for()
    page.get_by_text("Reject list (1)").first.wait_for()  # one score in all votes
    page.get_by_role("button", name="Sign out").click()
    page.locator("input[type=password]").wait_for()
    assert page.get_by_text("Unused links").count() == 0


def test_a_new_password_ends_what_stands_open_on_the_page(hall, page):
    _, db = hall
    sign_in(page)
    page.get_by_role("button", name="Close study").click()
    close = page.get_by_role("button", name="Close the study")
    close.wait_for()
    set_admin_hash(db, admin_hash(db))
    close.click()
    page.locator("input[type=password]").wait_for()
    assert standing(db).closed_at is None


def test_a_guesser_is_told_to_wait(hall, page):
    for _ in range(6):
        sign_in(page, "a guess of mine")
        page.get_by_role("alert").wait_for()
        page.wait_for_timeout(700)
    page.get_by_text("Too many attempts from here").wait_for()
    page.wait_for_timeout(2500)
    sign_in(page)
    page.get_by_text("Unused links").wait_for(timeout=15000)


def test_a_link_gets_a_label_and_is_revoked(hall, page):
    _, db = hall
    sign_in(page)
    section(page, "Links")
    page.get_by_label("Label, for the list below").fill("lab B")
    page.get_by_role("button", name="Make links").click()
    made = page.get_by_test_id("stCode").inner_text().split()
    assert len(made) == 5
    assert urlsplit(made[0]).query.startswith("invite=")
    number = next(row["number"] for row in invite_rows(db) if row["label"] == "lab B")
    page.get_by_label("Revoke a link").press_sequentially(number, delay=30)
    page.locator("[role=option]", has_text=number).wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Revoke", exact=True).click()
    until(lambda: next(r for r in invite_rows(db) if r["number"] == number)["state"] == "revoked")


def test_an_edit_that_cannot_be_meant_is_refused_and_a_good_one_is_in_the_log(hall, page):
    _, db = hall
    sign_in(page)
    section(page, "Study")
    page.get_by_label("Completion URL").fill("javascript:alert(1)")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("expected a whole address").wait_for()
    assert standing(db).settings.completion_url is None
    page.get_by_label("Completion URL").fill("https://panel.example/done")
    page.get_by_label("Whom raters can ask").fill("lab@example.org")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Changed: contact, completion_url").wait_for()
    assert standing(db).settings.completion_url == "https://panel.example/done"
    assert [row["who"] for row in change_rows(db) if row["what"] == "contact"] == ["admin page"]
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    assert standing(db).shut == "paused"
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    assert standing(db).shut is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_added_after_a_look_and_raters_get_them_without_a_restart(tmp_path, browser, scheme):
    """On the page of a study of its own, in both schemes; a folder that does not fit is told first."""
    make_study(tmp_path, settings=Settings(break_every=0))
    few = write_run(tmp_path / "few", methods=SENTINELS[:2], dataset="More", sizes=((40, 40), (44, 40)))
    more = write_run(tmp_path / "more", dataset="More", sizes=((40, 40), (44, 40)))
    server = Served(tmp_path / "study").start()
    db = open_database(tmp_path / "study")
    finished, _ = new_rater(db)
    rate_all(db, finished)
    context = browser.new_context(viewport={"width": 1366, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{server.address}/admin")
    sign_in(page)
    section(page, "Study")
    page.get_by_text("More pictures, as a further block").click()
    # A form that is sent before its section has run to its end is lost; a person presses again.
    page.locator("[data-test-script-state=notRunning]").wait_for()
    folder = page.get_by_label("Folder of the pictures")
    look = page.get_by_role("button", name="Look at the pictures")
    for wrong, told in (
        ("", "expected the folder of the pictures"),
        (tmp_path / "none_*such*", "none_*such*: no images/ in it"),
        (few, "a block shows the methods of the study"),
        (tmp_path / "run", "Demo/img_000 is in the study already"),
    ):
        folder.fill(str(wrong))
        look.click()
        page.get_by_role("alert").get_by_text(told).wait_for()
        assert page.get_by_role("dialog").count() == 0
    folder.fill(str(more))
    look.click()
    page.get_by_role("dialog").get_by_text("Block 2: 2 pictures in 8 versions.").wait_for()
    assert (db.study.blocks, change_rows(db)[1:]) == (1, [])
    page.get_by_role("button", name="Add the pictures").click()
    until(lambda: db.study.blocks == 2)
    page.get_by_role("dialog").wait_for(state="detached")
    entry = change_rows(db)[-1]
    assert (entry["who"], entry["what"], entry["after"]) == (
        "admin page",
        "block 2",
        "2 pictures in 8 versions",
    )
    link = f"{server.address}/?invite={make_invites(db, 1, rater=finished)[0]}"
    rater = RaterPage.opened(browser.new_context(viewport={"width": 1366, "height": 768}), link)
    rater.page.locator("#agree").check()
    rater.page.get_by_role("button", name="Begin").click()
    rater.page.get_by_role("heading", name="There are more pictures").wait_for()
    rater.page.context.close()
    context.close()
    db.close()
    server.stop()

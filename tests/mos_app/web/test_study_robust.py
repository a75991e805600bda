"""What a rater's browser may go through, and still every rating belongs to the picture it was given to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from PIL import Image
from rater_page import UNLOCKED, RaterPage
from studies import Served, make_study, until

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows
from mos_app.study.definition import Settings

SIZES = ((64, 48), (80, 60), (72, 48), (96, 64))
PAINT_TOLERANCE_SECONDS = 0.5  # two pictures are at least 0.67 s apart


@dataclass
class Sitting:
    """One rater, one browser, one server, and the database to compare with."""

    server: Served
    db: Database
    context: object
    url: str
    codes: dict[tuple[int, int, int], str]
    """The stimulus whose first pixel this is."""
    others: set[str]
    """Raters of earlier tests on the same server."""

    def begin(self) -> RaterPage:
        return RaterPage.opened(self.context, self.url).begin()

    def reopen(self) -> RaterPage:
        return RaterPage.opened(self.context, self.server.address)

    def rows(self) -> list:
        return [row for row in rating_rows(self.db) if row["rater"] not in self.others]

    def person(self) -> dict:
        return rater_rows(self.db)[-1]

    def check(self, *tabs: RaterPage) -> None:
        """Every stored rating is of a picture that one of the tabs painted when the rating says so."""
        paintings = [
            (self.codes[pixel], at)
            for tab in tabs
            for pixel, at in zip(tab.painted, tab.painted_at, strict=True)
        ]
        rows = self.rows()
        for row in rows:
            shown = datetime.fromisoformat(row["shown_at"]).timestamp()
            near = [identity for identity, at in paintings if 0 <= shown - at <= PAINT_TOLERANCE_SECONDS]
            assert row["stimulus"] in near, f"{row['stimulus']} was not on the screen at {row['shown_at']}"
        assert [row["position"] for row in rows] == list(range(len(rows)))


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database, dict]]:
    """A server that the tests of this file share; those that kill it start it again."""
    folder = tmp_path_factory.mktemp("robust")
    study = make_study(folder, settings=Settings(break_every=0), sizes=SIZES)
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    codes = {}
    for stimulus in study.stimuli:
        with Image.open(folder / "study" / stimulus.file) as picture:
            codes[picture.getpixel((0, 0))] = stimulus.id
    yield server, db, codes
    server.stop()
    db.close()


@pytest.fixture
def sitting(hall, browser) -> Iterator[Sitting]:
    server, db, codes = hall
    if server.process is None:  # a test failed after killing it
        server.start()
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    others = {row["id"] for row in rater_rows(db)}
    yield Sitting(server, db, context, f"{server.address}/?invite={make_invites(db, 1)[0]}", codes, others)
    context.close()


def stored(sitting: Sitting, count: int) -> None:
    until(lambda: len(sitting.rows()) == count, 20)


def test_ten_keys_at_60_ms_rate_only_pictures_that_were_seen(sitting):
    tab = sitting.begin()
    for key in "1234512345":
        tab.press(key)
        tab.page.wait_for_timeout(60)
    tab.ready()
    acknowledged = tab.acknowledged
    assert 1 <= acknowledged <= 2
    stored(sitting, acknowledged)
    sitting.check(tab)


def test_the_same_key_twice_within_30_ms_is_one_rating(sitting):
    tab = sitting.begin()
    for done in range(1, 4):
        tab.ready()
        tab.press("4")
        tab.page.wait_for_timeout(20)
        tab.press("4")
        tab.page.locator(".rating.locked").wait_for()
        stored(sitting, done)
    tab.ready()
    assert tab.acknowledged == len(sitting.rows()) == 3
    sitting.check(tab)


def test_a_key_held_down_is_one_rating(sitting):
    tab = sitting.begin()
    tab.page.keyboard.down("2")
    for _ in range(30):
        tab.page.keyboard.down("2")  # a repeated keydown is what holding a key sends
        tab.page.wait_for_timeout(50)
    tab.page.keyboard.up("2")
    stored(sitting, 1)
    sitting.check(tab)


def test_a_reload_in_the_middle_goes_on_at_the_same_picture(sitting):
    tab = sitting.begin()
    for key in "123":
        tab.rate(key)
    tab.ready()
    before = tab.painted[-1]
    first_part = list(zip(tab.painted, tab.painted_at, strict=True))
    tab.page.reload()
    tab.ready()
    assert tab.painted[-1] == before
    for key in "45":
        tab.rate(key)
    stored(sitting, 5)
    assert [row["score"] for row in sitting.rows()] == [1, 2, 3, 4, 5]
    assert {row["stimulus"] for row in sitting.rows()[:3]} <= {
        sitting.codes[pixel] for pixel, _ in first_part
    }


def test_of_two_tabs_one_rates_and_the_other_says_so(sitting):
    first = sitting.begin()
    first.rate("1")
    first.ready()
    second = sitting.reopen().ready()
    first.page.locator(".cover h1", has_text="another tab").wait_for()
    first.press("5")  # this tab no longer rates
    second.rate("2")
    second.rate("3")
    first.page.get_by_role("button", name="Go on here").click()
    first.ready()
    second.page.locator(".cover h1", has_text="another tab").wait_for()
    second.press("5")
    first.rate("4")
    stored(sitting, 4)
    assert [row["score"] for row in sitting.rows()] == [1, 2, 3, 4]
    sitting.check(first, second)


def test_ratings_made_while_the_server_is_dead_arrive_after_its_restart(sitting):
    tab = sitting.begin()
    tab.rate("1")
    tab.ready()
    sitting.server.kill()
    for key in "234":
        tab.rate(key)
    assert tab.acknowledged == 4
    tab.page.locator(".saved[data-state=offline]").wait_for()
    sitting.server.start()
    stored(sitting, 4)
    tab.page.locator(".saved[data-state=saved]").wait_for(timeout=15000)
    tab.rate("5")
    stored(sitting, 5)
    assert [row["score"] for row in sitting.rows()] == [1, 2, 3, 4, 5]
    sitting.check(tab)


def test_a_server_killed_in_the_middle_of_storing_loses_and_doubles_nothing(sitting):
    tab = sitting.begin()
    for round_, key in enumerate("12"):
        tab.ready()
        tab.press(key)
        tab.page.wait_for_timeout(6 * round_)  # before, during and after the request
        sitting.server.kill()
        sitting.server.start()
        stored(sitting, round_ + 1)
    assert [row["score"] for row in sitting.rows()] == [1, 2]
    sitting.check(tab)


def test_ten_seconds_offline_lose_nothing(sitting):
    tab = sitting.begin()
    tab.rate("1")
    tab.ready()
    sitting.context.set_offline(True)
    for key in "23451":
        tab.rate(key)
        tab.page.wait_for_timeout(1200)
    assert len(sitting.rows()) == 1
    tab.page.wait_for_timeout(2500)
    sitting.context.set_offline(False)
    stored(sitting, 6)
    tab.rate("5")
    stored(sitting, 7)
    assert [row["score"] for row in sitting.rows()] == [1, 2, 3, 4, 5, 1, 5]
    sitting.check(tab)


def test_a_tab_closed_with_the_server_down_delivers_when_opened_again(sitting):
    tab = sitting.begin()
    tab.rate("1")
    tab.ready()
    stored(sitting, 1)
    sitting.server.kill()
    tab.rate("2")
    painted = list(zip(tab.painted, tab.painted_at, strict=True))
    tab.page.close()
    sitting.server.start()
    again = sitting.reopen()
    stored(sitting, 2)
    again.rate("3")
    stored(sitting, 3)
    assert [row["score"] for row in sitting.rows()] == [1, 2, 3]
    assert sitting.rows()[1]["stimulus"] in {sitting.codes[pixel] for pixel, _ in painted}


def test_the_whole_way_ends_with_a_code_and_every_picture_rated_once(sitting):
    tab = sitting.begin()
    total = sitting.person()["total"]
    for index in range(total):
        tab.rate("12345"[index % 5])
    tab.page.locator(".code").wait_for(timeout=15000)
    row = sitting.person()
    assert tab.page.locator(".code").inner_text() == row["completion_code"]
    assert sorted(r["stimulus"] for r in sitting.rows()) == sorted(sitting.codes.values())
    assert tab.page.locator(UNLOCKED).count() == 0
    sitting.check(tab)

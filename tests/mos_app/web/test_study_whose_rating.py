"""Two people, one computer, three links, any order of events: every rating belongs to whom gave it.

People here are honest and see only what a screen tells them: they go on where a page is theirs and say so
where it is not. Their tabs stay open behind one another. Person 0 always answers 1, person 1 always 5.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from studies import CHECKED, answer, make_study

from mos_app.store.codes import RateLimit
from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.ratings import rating_rows
from mos_app.study.definition import Settings
from mos_app.study.words import consent_version
from mos_app.web.arrival import arrival
from mos_app.web.routes import RatingRoutes, cookie_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would rather have another client than httpx
    from starlette.testclient import TestClient

SCORES = (1, 5)
ORIGIN = {"Origin": "http://testserver"}


@dataclass
class Tab:
    """One person's tab: the screen it shows, and what it remembers."""

    screen: str = "blank"
    invite: str | None = None
    rater: str | None = None
    upcoming: list[str] = field(default_factory=list)
    nonces: dict[str, str] = field(default_factory=dict)


@dataclass
class Computer:
    """A browser with one jar of cookies, and the two people who use it in turn."""

    db: Database
    client: TestClient
    links: tuple[str, str, str]
    tabs: tuple[Tab, Tab] = field(default_factory=lambda: (Tab(), Tab()))
    names: tuple[dict[str, str | None], dict[str, str | None]] = field(default_factory=lambda: ({}, {}))
    """By person: the rater that they are, by link."""
    given: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Acknowledged answers: person and score by presentation."""
    drawn: int = 0

    def token(self) -> str | None:
        return self.client.cookies.get(cookie_name(self.db.study))

    def post(self, path: str, message: dict) -> object:
        return self.client.post(f"/mos/{path}", json=message, headers=ORIGIN)

    def look(self, who: int, invite: str | None) -> None:
        """The tab shows what the server says is whoever's turn."""
        tab, found = self.tabs[who], arrival(self.db, self.token(), invite)
        tab.screen, tab.invite = found.screen, invite
        tab.rater = found.rater.id if found.rater else None
        tab.upcoming = []
        if tab.screen == "stage":
            if tab.rater not in self.names[who].values():  # a tab that was another person's asks
                tab.screen = "back"
                return
            state = self.client.get("/mos/state").json()
            tab.screen, tab.upcoming = state["stage"], [item["id"] for item in state["upcoming"]]

    def open(self, who: int, link: int) -> None:
        self.look(who, self.links[link])

    def leave(self, who: int) -> None:
        self.post("leave", {})
        self.tabs[who].nonces.clear()
        self.look(who, self.tabs[who].invite)

    def press(self, who: int, *, lost: bool = False) -> None:
        """The button that this person would press; lost: the answer never comes, and it is pressed again."""
        tab = self.tabs[who]
        if tab.screen == "welcome":
            self._enter(who, lost=lost)
        elif tab.screen == "return":
            self._return(who)
        elif tab.screen == "back":
            if tab.rater in self.names[who].values():
                self.look(who, None)
            else:
                self.leave(who)
        elif tab.screen == "check":
            reply = self.post("check", {"rater": tab.rater, **CHECKED})
            self.look(who, None) if reply.status_code == 200 else self._signed_out(who)
        elif tab.screen in ("instructions", "ready", "break"):
            reply = self.post("rested", {"rater": tab.rater, "at": 0})
            self.look(who, None) if reply.status_code == 200 else self._signed_out(who)
        elif tab.screen == "rate" and tab.upcoming:
            self._rate(who)

    def _signed_out(self, who: int) -> None:
        self.tabs[who].screen = "blank"

    def _enter(self, who: int, *, lost: bool) -> None:
        tab = self.tabs[who]
        assert tab.invite is not None
        if tab.invite not in tab.nonces:
            self.drawn += 1
            tab.nonces[tab.invite] = f"{self.drawn:032x}"
        message = {
            "invite": tab.invite,
            "consent": consent_version(self.db.study, "en"),
            "language": "en",
            "nonce": tab.nonces[tab.invite],
        }
        if lost:
            jar = dict(self.client.cookies)
            self.post("enter", message)
            self.client.cookies.clear()
            for name, value in jar.items():
                self.client.cookies.set(name, value)
        reply = self.post("enter", message)
        if reply.status_code == 201:
            self._is(who, tab.invite, reply.json()["rater"])
            self.look(who, None)

    def _return(self, who: int) -> None:
        tab = self.tabs[who]
        assert tab.invite is not None
        mine = self.names[who].get(tab.invite)
        if mine is None:
            return  # not their link: an honest person stops here
        reply = self.post("return", {"invite": tab.invite, "nonce": f"{self.drawn:032x}", "name": mine})
        assert reply.status_code == 200  # never a dead end
        assert reply.json()["rater"] == mine
        self.look(who, None)

    def _is(self, who: int, invite: str, rater: str) -> None:
        assert rater not in self.names[1 - who].values(), "a link made somebody the other person"
        self.names[who][invite] = rater

    def _rate(self, who: int) -> None:
        tab = self.tabs[who]
        due = tab.upcoming[0]
        message = msgspec.to_builtins(answer(due, SCORES[who]))
        reply = self.post("rate", message)
        if reply.status_code == 200:
            tab.upcoming.pop(0)
            self.given[due] = (who, SCORES[who])
        else:
            self._signed_out(who)

    def lose_cookie(self) -> None:
        self.client.cookies.clear()


EVENTS = st.one_of(
    st.tuples(st.just("open"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.sampled_from(["press", "press", "press", "press lost", "leave"]), st.integers(0, 1)),
    st.tuples(st.just("lose cookie")),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[Database, Starlette]]:
    folder = tmp_path_factory.mktemp("whose")
    make_study(folder, settings=Settings(break_every=0), methods=("noise-a", "noise-b"))
    db = open_database(folder / "study")
    no_limit = RateLimit(1e9, 10**9)
    routes = RatingRoutes(db, folder / "study", answers=no_limit, entries=no_limit)
    yield db, Starlette(routes=[routes.mount()])
    db.close()


def play(place: tuple[Database, Starlette], events: list[tuple]) -> Computer:
    db, app = place
    one_time, reusable = make_invites(db, 2), make_invites(db, 1, reusable=True)
    computer = Computer(db, TestClient(app), (*one_time, *reusable))
    for what, *rest in events:
        match what:
            case "open":
                computer.open(*rest)
            case "press":
                computer.press(*rest)
            case "press lost":
                computer.press(*rest, lost=True)
            case "leave":
                computer.leave(*rest)
            case "lose cookie":
                computer.lose_cookie()
    return computer


def check(computer: Computer) -> int:
    """Every stored rating is its own person's, every acknowledged one is stored. Return how many."""
    mine = [set(names.values()) for names in computer.names]
    rows = [row for row in rating_rows(computer.db) if row["rater"] in mine[0] | mine[1]]
    for row in rows:
        assert row["rater"] in mine[SCORES.index(row["score"])]
    stored = {row["presentation"]: row["score"] for row in rows}
    assert stored == {presentation: score for presentation, (_, score) in computer.given.items()}
    return len(rows)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=8, max_size=40))
def test_whatever_happens_in_whatever_order_every_rating_is_its_own_persons(place, events):
    check(play(place, events))


def test_two_people_who_take_turns_on_open_tabs_both_rate_as_themselves(place):
    begin = ["press"] * 4
    events = [
        ("open", 0, 0),
        *[(event, 0) for event in begin],  # agree, check, start, first rating
        ("open", 1, 1),
        ("press", 1),  # "I am someone else"
        *[(event, 1) for event in begin],
        ("press", 0),  # the first person's tab is still open: it takes nothing
        ("open", 0, 0),
        ("press", 0),  # "I am someone else"
        ("press", 0),  # back by their random name
        ("press", 0),  # the second rating
    ]
    computer = play(place, events)
    assert check(computer) == 3
    assert sorted(score for _, score in computer.given.values()) == [1, 1, 5]


def test_an_answer_to_entering_that_is_lost_makes_no_second_person(place):
    computer = play(place, [("open", 0, 0), ("press lost", 0), ("press", 0), ("press", 0), ("press", 0)])
    assert check(computer) == 1
    assert len(computer.names[0]) == 1


def test_a_cookie_that_is_lost_is_no_dead_end(place):
    begin = [("open", 0, 2), ("press", 0), ("press", 0), ("press", 0), ("press", 0)]
    computer = play(place, [*begin, ("lose cookie",), ("press", 0), ("open", 0, 2), ("press", 0)])
    assert check(computer) == 1

"""The screens in a browser: nothing cut, nothing of Streamlit's, no method name, no mouse needed."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error as PlaywrightError
from rater_page import RaterPage
from studies import PASSWORD, SENTINELS, Served, make_study

from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import enter
from mos_app.study.definition import Settings

LOOKS = [
    ((1366, 768), "light", "en"),
    ((1366, 768), "dark", "zh"),
    ((1920, 1080), "light", "zh"),
    ((1920, 1080), "dark", "en"),
]
CHECKS = (Path(__file__).parent / "screen_checks.js").read_text().partition("\n")[2].rstrip().rstrip(";")


@pytest.fixture(scope="module")
def hall(tmp_path_factory) -> Iterator[tuple[Served, Database]]:
    folder = tmp_path_factory.mktemp("screens")
    make_study(
        folder,
        methods=SENTINELS[:3],
        settings=Settings(break_every=3, contact="lab@example.org", title="Which picture looks better?"),
        calibration=1,
        sizes=((480, 320), (440, 480)),
    )
    server = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield server, db
    db.close()
    server.stop()


def look(rater: RaterPage, seen: list[str]) -> None:
    """The screen now shown is whole, and ours alone."""
    for _ in range(20):  # a busy machine may still be between two screens
        rater.page.wait_for_timeout(250)
        kind = rater.page.locator("main").last.evaluate("e => e.classList[0]")
        found, wanted = rater.page.evaluate(CHECKS), {"scrolls": False, "cut": [], "on_top": [kind]}
        if found == wanted:
            break
    assert found == wanted
    seen.append(kind)


@pytest.mark.parametrize(("size", "scheme", "language"), LOOKS)
def test_every_screen_is_whole_and_reached_by_keyboard_alone(hall, browser, size, scheme, language):
    server, db = hall
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    rater = RaterPage.opened(context, f"{server.address}/?invite={make_invites(db, 1)[0]}&lang={language}")
    page, seen = rater.page, []
    page.locator(".agree").wait_for()
    look(rater, seen)
    page.keyboard.press("Tab")
    while not page.locator("#agree:focus").count():
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".checks").wait_for()
    look(rater, seen)
    for row in ("dark", "light"):
        page.keyboard.press("Tab")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert page.locator(f"input[name={row}]:checked").count() == 1
    page.keyboard.press("Tab")  # full screen
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".keyrow").wait_for()
    look(rater, seen)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    rater.ready()
    look(rater, seen)
    for _ in range(30):
        heading = page.locator(".page h1")
        if heading.count():
            look(rater, seen)
            if page.locator(".code").count():
                break
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            rater.ready()
            continue
        if page.locator(".rating:not(.locked)").count():
            page.keyboard.press("4")
            page.keyboard.press("Space")
        page.wait_for_timeout(150)
    context.close()
    assert seen[:4] == ["page", "page", "page", "rating"]


def test_no_method_name_reaches_the_browser_before_the_study_is_closed(hall, browser):
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    told: list[bytes] = []
    hosts: set[str] = set()

    def keep(request) -> None:
        hosts.add(urlsplit(request.url).netloc)
        if "/static/" not in request.url:
            with suppress(PlaywrightError):  # the page has moved on; the routes' own test reads these too
                told.append(request.response().body())

    context.on("requestfinished", keep)

    def frames(socket) -> None:
        socket.on(
            "framereceived", lambda data: told.append(data if isinstance(data, bytes) else data.encode())
        )

    for url in (f"{server.address}/?invite={make_invites(db, 1)[0]}", f"{server.address}/admin"):
        page = context.new_page()
        page.on("websocket", frames)
        page.goto(url)
        if url.endswith("/admin"):
            page.locator("input[type=password]").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_text("Unused links").wait_for()
            page.get_by_text("Live", exact=True).click()
            page.wait_for_timeout(800)
        else:
            rater = RaterPage(page).begin()
            for key in "12":
                rater.rate(key)
                page.keyboard.press("Space")
            page.get_by_role("button", name="Start", exact=True).click()
            rater.rate("3")
            rater.ready()
            told.append(page.content().encode())
    context.remove_listener("requestfinished", keep)
    context.close()
    assert len(told) > 20
    assert hosts - {""} == {urlsplit(server.address).netloc}  # blob: and data: have no host
    for name in SENTINELS[:3]:
        assert not any(name.encode() in text for text in told)


def test_the_scale_and_the_picture_have_names_for_a_screen_reader(hall, browser):
    server, db = hall
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    rater = RaterPage.opened(context, f"{server.address}/?invite={make_invites(db, 1)[0]}").begin()
    for score, label in enumerate(("Bad", "Poor", "Fair", "Good", "Excellent"), start=1):
        assert rater.page.get_by_role("button", name=f"{score}, {label}").count() == 1
    assert rater.page.get_by_role("img", name="Picture 1 of 2").count() == 1
    assert rater.page.locator(".spoken").inner_text() == "Picture 1 of 2"
    context.close()


@pytest.mark.parametrize(
    ("state", "heading"),
    [
        ("nothing", "An invitation is needed"),
        ("unknown", "This link is not known"),
        ("used", "Welcome back"),
    ],
)
def test_whoever_may_not_rate_is_told_why(hall, browser, state, heading):
    server, db = hall
    code = {"nothing": "", "unknown": "?invite=nosuchcode", "used": f"?invite={make_invites(db, 1)[0]}"}[
        state
    ]
    if state == "used":
        from studies import newcomer

        enter(db, newcomer(db.study, code.removeprefix("?invite=")))
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.goto(f"{server.address}/{code}")
    page.get_by_role("heading", name=heading).wait_for()
    context.close()

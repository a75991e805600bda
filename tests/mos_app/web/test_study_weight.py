"""What a rater's first page costs on a slow line, in bytes."""

from studies import Served, make_study

from mos_app.store.connection import open_database
from mos_app.store.invites import make_invites

FIRST_PAGE_BYTES = 720_000
"""At 1.6 Mbit/s under 4 s."""


def test_the_first_page_is_light_and_the_next_is_from_the_browsers_own_store(tmp_path, browser):
    make_study(tmp_path)
    server = Served(tmp_path / "study").start()
    db = open_database(tmp_path / "study")
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    received: list[int] = []
    fonts: list[str] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.on("response", lambda response: fonts.append(response.url) if "woff" in response.url else None)
    page.goto(f"{server.address}/?invite={make_invites(db, 1)[0]}")
    page.locator("#agree").wait_for()
    page.wait_for_timeout(1500)
    first = sum(received)
    received.clear()
    page.reload()
    page.locator("#agree").wait_for()
    page.wait_for_timeout(1500)
    context.close()
    db.close()
    server.stop()
    assert 100_000 < first < FIRST_PAGE_BYTES
    assert sum(received) < 60_000
    assert fonts == []

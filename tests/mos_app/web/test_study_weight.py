"""What a rater's first page costs on a slow line, in bytes."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor

import brotli
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from studies import Served, make_study

from mos_app.store.connection import open_database
from mos_app.store.invites import make_invites
from mos_app.web.compression import Compressed

FIRST_PAGE_BYTES = 610_000
"""At 1.6 Mbit/s 3 s of transfer."""


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


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
def test_a_script_goes_in_the_smallest_coding_that_the_browser_takes(accepted, coding):
    script = b"export const answer = 42;\n" * 400

    async def answer(_request: Request) -> Response:
        return Response(script, media_type="text/javascript")

    async def ask() -> tuple[str | None, bytes]:
        line = httpx.ASGITransport(Compressed(Starlette(routes=[Route("/", answer)])))
        async with httpx.AsyncClient(transport=line, base_url="http://study") as client:
            asked = client.stream("GET", "/", headers={"Accept-Encoding": accepted})
            async with asked as response:
                raw = [part async for part in response.aiter_raw()]
        return response.headers.get("content-encoding"), b"".join(raw)

    with ThreadPoolExecutor(1) as thread:  # the browser's own loop runs in this one
        found, raw = thread.submit(lambda: asyncio.run(ask())).result()
    assert found == coding
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert unpack(raw) == script
    assert (len(raw) < 300) == (coding is not None)

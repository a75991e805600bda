"""Scripts and styles go compressed, each packed once: on a slow line the first page is there in seconds."""

import gzip
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TYPES = ("text/javascript", "application/javascript", "text/css", "text/html")
LEAST_BYTES = 1024


class Compressed:
    """ASGI middleware: gzip for scripts, styles and pages, which hold no secret; the rest is untouched.

    Answers of the rating routes and pictures pass as they are: compressed beside what a request brought, a
    secret's length would tell of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; pack the answer where the browser takes it."""
        accepted = Headers(scope=scope).get("accept-encoding", "") if scope["type"] == "http" else ""
        if "gzip" not in accepted or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Packer(send))


class _Packer:
    """Holds the start of an answer back until its whole body is known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_packable(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        packed = _packed(bytes(self._body))
        headers = MutableHeaders(scope=self._start)
        headers.add_vary_header("Accept-Encoding")
        if len(packed) < len(self._body):
            headers["Content-Encoding"] = "gzip"
        else:
            packed = bytes(self._body)
        headers["Content-Length"] = str(len(packed))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": packed})


def _is_packable(message: Message) -> bool:
    headers = Headers(scope=message)
    kind = headers.get("content-type", "").partition(";")[0]
    length = int(headers.get("content-length", LEAST_BYTES))
    return (
        message["status"] == 200
        and kind in _TYPES
        and "content-encoding" not in headers
        and length >= LEAST_BYTES
    )


@lru_cache(maxsize=256)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)

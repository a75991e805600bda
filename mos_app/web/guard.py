"""What every response carries, and what every request must: security headers, origin, small JSON bodies."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mos_app.store.refusal import RefusedError

MAX_BODY_BYTES = 16 * 1024
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Streamlit imports a component's script from a blob: URL and compiles expressions for charts.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
RATERS_POLICY = CONTENT_SECURITY_POLICY.replace("font-src 'self' data:", "font-src 'none'")
"""Raters' screens use the computer's own fonts; Streamlit's two would be half of the first page's bytes."""
ADMIN_PATH = "/admin"
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # an invite's code stands in the address
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CLOSED_PATHS = ("/_stcore/metrics", "/_stcore/upload_file", "/_stcore/agent", "/component/")
"""Parts of Streamlit's server that a study has no use for."""

T = TypeVar("T")


class Guard:
    """ASGI middleware: security headers on everything, no method or path beyond those that are needed.

    ahead: addresses of scripts that a rater's page needs late; it fetches them while the line is idle.
    """

    def __init__(self, app: ASGIApp, ahead: Sequence[str] = ()) -> None:
        self._app = app
        self._ahead = ", ".join(f"<{address}>; rel=prefetch; as=script; crossorigin" for address in ahead)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its door is shut."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if not scope["path"].startswith(ADMIN_PATH):
                    headers["Content-Security-Policy"] = RATERS_POLICY
                if scope["path"] == "/" and self._ahead:
                    headers["Link"] = self._ahead
            await send(message)

        if any(scope["path"].startswith(path) for path in _CLOSED_PATHS):
            await send_with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send_with_headers({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send_with_headers)


def check_origin(request: Request, public_origin: str | None) -> None:
    """Refuse a post that another site's page (or none) sent."""
    origin = request.headers.get("origin")
    if origin is None:
        raise RefusedError(403, "origin missing")
    expected = urlsplit(public_origin).netloc if public_origin else request.headers.get("host", "")
    if urlsplit(origin).netloc != expected:
        raise RefusedError(403, "wrong origin")


async def message_in(request: Request, kind: type[T]) -> T:
    """Return the JSON message of a request, or refuse it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "expected JSON")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise RefusedError(413, "too large")
    except ClientDisconnect:
        raise RefusedError(400, "cut short") from None
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(400, "not a message of this app") from None

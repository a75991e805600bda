"""Runs an ASGI app on one port until interrupted."""

import socket

import uvicorn
from starlette.types import ASGIApp

from sr_models.data.errors import InputError

MAX_MESSAGE_MB = 1
KEEP_ALIVE_SECONDS = 75
"""Longer than nginx keeps a connection to us (60 s): it must never send a rating into one that we close."""


def serve(
    app: ASGIApp | str, *, host: str, port: int, workers: int = 1, trusted_proxies: str = "127.0.0.1"
) -> None:
    """Serve until interrupted, on a port that `check_port` finds free.

    Several workers are processes on one socket; one that dies is started again. They need the app as
    `module:factory`. trusted_proxies are addresses (or `*`) whose X-Forwarded-For and -Proto are believed.
    uvicorn opens the port itself: on a socket that Streamlit's own launcher opens, asyncio leaves
    Nagle's algorithm on, and every answer then waits 40 ms (measured with Streamlit 1.67).
    """
    uvicorn.run(
        app,
        host=host,
        port=port,
        factory=isinstance(app, str),
        workers=workers,
        forwarded_allow_ips=trusted_proxies,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MAX_MESSAGE_MB * 2**20,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def check_port(host: str, port: int) -> None:
    """Raise InputError where the port cannot be listened on."""
    if not 1 <= port <= 65_535:
        raise InputError(f"--port: expected 1 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another --host or --port"
        ) from None

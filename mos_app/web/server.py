"""One process: Streamlit's pages and the rating routes, as one ASGI app."""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from streamlit import config

from mos_app.store.store import Store
from mos_app.web.guard import Guard
from mos_app.web.routes import RatingRoutes
from sr_models.data.errors import InputError

SCRIPT = Path(__file__).parents[1] / "screens" / "app.py"
MAX_MESSAGE_MB = 1


def create_app(store: Store, folder: str | Path, *, public_origin: str | None = None) -> st.App:
    """Return the ASGI app of one study.

    The pages learn of the study through Streamlit's secrets, which never leave the server.
    """
    for name, value in STREAMLIT_SETTINGS.items():
        config.set_option(name, value)
    root = Path(folder).resolve()
    return st.App(
        SCRIPT,
        secrets={"srmos": {"folder": str(root), "database": store.url}},
        lifespan=_quietly,
        routes=[RatingRoutes(store, root, public_origin).mount()],
        middleware=[Middleware(Guard)],
        on_script_error=_apologise,
        exception_handlers={Exception: _went_wrong},
    )


STREAMLIT_SETTINGS: dict[str, str | int | bool] = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.enableStaticServing": False,
    "server.maxUploadSize": MAX_MESSAGE_MB,
    "server.maxWidgetStateSize": MAX_MESSAGE_MB,
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.showSidebarNavigation": False,
    "theme.primaryColor": "#2f62cc",
}
"""Nothing of Streamlit's own shows, nothing leaves the server, no stack trace reaches a rater."""


def serve(store: Store, folder: str | Path, *, host: str, port: int, public_origin: str | None) -> None:
    """Serve until interrupted.

    uvicorn opens the port itself: on a socket that Streamlit's own launcher opens, asyncio leaves
    Nagle's algorithm on, and every answer then waits 40 ms (measured with Streamlit 1.67).
    """
    _check_port(host, port)
    uvicorn.run(
        create_app(store, folder, public_origin=public_origin),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MAX_MESSAGE_MB * 2**20,
        timeout_graceful_shutdown=3,
    )


def _check_port(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another --port"
        ) from None


@asynccontextmanager
async def _quietly(_app: st.App) -> AsyncIterator[None]:
    """Silence the log of requests, which Streamlit turns on at start: it holds raters' addresses."""
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    yield


def _apologise(_error: Exception) -> bool:
    """Show no stack trace to a rater; it stands in the server's log."""
    st.error("Something went wrong here. Your ratings are stored. Please reload the page.")
    return True


async def _went_wrong(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "something went wrong; try again"}, 500)

"""The study's site: Streamlit's pages and the rating routes as one ASGI app, in one process."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from streamlit import config

from mos_app.store.connection import Database, open_database
from mos_app.web.compression import Compressed
from mos_app.web.guard import Guard
from mos_app.web.pages import first_modules
from mos_app.web.routes import RatingRoutes
from mos_app.web.server import MAX_MESSAGE_MB

SCRIPT = Path(__file__).parent / "app.py"
WORKER_STUDY, WORKER_ORIGIN = "SRMOS_WORKER_STUDY", "SRMOS_WORKER_ORIGIN"
"""Environment variables for the workers of `mos serve --workers`; the database goes by SRMOS_DATABASE."""


def create_app(db: Database, folder: str | Path, *, public_origin: str | None = None) -> st.App:
    """Return the ASGI app of one study.

    The pages learn of the study through Streamlit's secrets, which never leave the server.
    """
    for name, value in STREAMLIT_SETTINGS.items():
        config.set_option(name, value)
    root = Path(folder).resolve()
    return st.App(
        SCRIPT,
        secrets={"srmos": {"folder": str(root), "database": db.url}},
        lifespan=_without_request_log,
        routes=[RatingRoutes(db, root, public_origin).mount()],
        middleware=[Middleware(Compressed), Middleware(Guard, ahead=[*_late_scripts(), *first_modules()])],
        on_script_error=_show_short_error,
        exception_handlers={Exception: _answer_server_error},
    )


def _late_scripts() -> list[str]:
    """Return Streamlit's scripts for a component, which its page asks for only when one is shown."""
    scripts = (Path(st.__file__).parent / "static/static/js").glob("*.js")
    late = ("BidiComponent.", "serialization.", "recordbatch.", "_arrayReduce.")
    return sorted(f"static/js/{script.name}" for script in scripts if script.name.startswith(late))


def app_of_worker() -> st.App:
    """Return the app of one of several workers, which learn of their study by the environment."""
    folder = Path(os.environ[WORKER_STUDY])
    return create_app(open_database(folder), folder, public_origin=os.environ.get(WORKER_ORIGIN))


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
    "theme.light.primaryColor": "#2f62cc",
    "theme.dark.primaryColor": "#4a7de0",
}
"""Nothing of Streamlit's own shows, nothing leaves the server, no stack trace reaches a rater."""


@asynccontextmanager
async def _without_request_log(_app: st.App) -> AsyncIterator[None]:
    """Silence the log of requests, which Streamlit turns on at start: it holds raters' addresses."""
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    yield


def _show_short_error(_error: Exception) -> bool:
    """Show no stack trace to a rater; it stands in the server's log."""
    st.error("Something went wrong here. Your ratings are stored. Please reload the page.")
    return True


async def _answer_server_error(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "something went wrong; try again"}, 500)

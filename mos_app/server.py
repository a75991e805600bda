"""One process: Streamlit's pages and the rating routes, as one ASGI app."""

import os
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse

import streamlit as st
from mos_app.guard import Guard
from mos_app.routes import RatingRoutes
from mos_app.store import Store

SCRIPT = Path(__file__).parent / "app.py"
MAX_MESSAGE_MB = 1


def create_app(store: Store, folder: str | Path, *, public_origin: str | None = None) -> st.App:
    """Return the ASGI app of one study.

    The pages learn of the study through Streamlit's secrets, which never leave the server.
    """
    root = Path(folder).resolve()
    return st.App(
        SCRIPT,
        secrets={"srmos": {"folder": str(root), "database": store.url}},
        routes=[RatingRoutes(store, root, public_origin).mount()],
        middleware=[Middleware(Guard)],
        on_script_error=_apologise,
        exception_handlers={Exception: _went_wrong},
    )


def server_options(host: str, port: int) -> dict[str, Any]:
    """Return Streamlit's settings for a study: nothing of Streamlit's own shows, nothing leaves the server."""
    return {
        "server.address": host,
        "server.port": port,
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
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        "theme.primaryColor": "#3d6fd9",
    }


def serve(store: Store, folder: str | Path, *, host: str, port: int, public_origin: str | None) -> None:
    """Serve until interrupted."""
    os.environ.setdefault("STREAMLIT_SERVER_SHOW_EMAIL_PROMPT", "false")
    create_app(store, folder, public_origin=public_origin).run(config=server_options(host, port))


def _apologise(_error: Exception) -> bool:
    """Show no stack trace to a rater; it stands in the server's log."""
    st.error("Something went wrong here. Your ratings are stored. Please reload the page.")
    return True


async def _went_wrong(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "something went wrong; try again"}, 500)

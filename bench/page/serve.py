"""A results folder on this machine's own address, for browsers that should not open files."""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from sr_models.data.errors import InputError

HOST = "127.0.0.1"
INDEX = "index.html"
_NAMES = (HOST, "localhost")


class Handler(SimpleHTTPRequestHandler):
    """Answers with files of one folder: no listing, nothing hidden, nothing a link leads out to."""

    server_version = "srmos"
    sys_version = ""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Refuse what is not to be seen, whatever way it was asked for; then as the base class does."""
        if (self.headers.get("Host") or "").partition(":")[0] not in _NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "another site's name leads here")  # DNS rebinding
            return None
        if not self._is_public(Path(self.translate_path(self.path))):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def _is_public(self, path: Path) -> bool:
        """Return whether the path is a file of the folder that no dot hides, links followed."""
        root = Path(self.directory).resolve()
        try:
            found = path.resolve()
            if found == root:
                return (root / INDEX).is_file()
            is_inside = found.is_relative_to(root) and found.is_file()
        except (OSError, ValueError):  # too long for a name, a NUL
            return False
        return is_inside and not any(part.startswith(".") for part in found.relative_to(root).parts)

    def end_headers(self) -> None:
        """Let the browser ask again each time: the page is rebuilt while it is looked at."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the terminal shows the address."""


def serve(folder: Path, page: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve the folder until Ctrl-C; `say` gets the page's address. The page must lie in the folder."""
    root = folder.resolve()
    if not page.resolve().is_relative_to(root):
        raise InputError(
            f"only {folder} is served, and {page} is not in it: leave --out away, or point it there"
        )
    below = page.resolve().relative_to(root).as_posix()
    with make_server(folder, port) as server:
        say(f"http://{HOST}:{server.server_port}/{'' if below == INDEX else quote(below)} (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the folder on 127.0.0.1, not yet serving; port 0 takes a free one."""
    try:
        return ThreadingHTTPServer((HOST, port), partial(Handler, directory=os.fspath(folder)))
    except (OSError, OverflowError) as error:
        raise InputError(f"port {port} cannot be had ({error}): take another with --port") from error

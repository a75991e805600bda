"""One HTML file: its style, its script and its data inside, nothing fetched from anywhere."""

import base64
import hashlib
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import msgspec

from bench.analysis.results import Results
from bench.page.content import Content
from bench.page.gather import content
from bench.page.serve import INDEX
from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes

_STYLES = ("page.css", "viewer.css")
_SCRIPTS = ("data.js", "state.js", "table.js", "tables.js", "pictures.js", "stage.js", "viewer.js", "page.js")


def write_page(results: Results, out: Path | None = None) -> Path:
    """Write the page of a results folder (default: DIR/index.html) and return the file.

    Pictures are linked where they lie in the folder, not copied.
    """
    path = results.folder / INDEX if out is None else out
    if path.is_dir():
        raise InputError(f"{path} is a folder: expected the name of an HTML file")
    write_bytes(path, render(content(results, path)).encode())
    return path


def render(shown: Content) -> str:
    """Return the HTML of the page."""
    css = "".join(_asset(name) for name in _STYLES)
    js = "".join(_asset(name) for name in _SCRIPTS)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(js)}'",
            f"style-src '{_digest(css)}'",
            "img-src 'self' file: data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
    )
    return Template(_asset("page.html")).substitute(
        policy=policy, title=escape(shown.title), css=css, js=js, data=_json(shown)
    )


def _asset(name: str) -> str:
    return (files("bench.page") / "assets" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(shown: Content) -> str:
    """Return JSON that cannot end the script element that it stands in."""
    return msgspec.json.encode(shown).decode().replace("<", "\\u003c")

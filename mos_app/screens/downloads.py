"""Downloads that any worker can serve.

Streamlit keeps what its own download button offers in the process that made it, where the next request may
not arrive. Here small files go along with the page, and large ones have an address that every worker knows.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from mos_app.web.pages import loader_of

_STYLE = """
a {
  display: inline-block; box-sizing: border-box; padding: 0.45rem 0.75rem; cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 0.5rem);
  color: var(--st-text-color); text-decoration: none; font: 400 1rem var(--st-font);
}
a:hover, a:focus-visible {
  border-color: var(--st-primary-color); color: var(--st-primary-color); outline: none;
}
"""


def offer_text(label: str, text: str, *, name: str, mime: str, about: str = "") -> None:
    """Offer a small file called name; its text is on the page already."""
    _link()(
        key=f"download-{name}",
        data={"label": label, "text": text, "name": name, "mime": mime, "about": about},
    )


def offer_address(label: str, path: str, *, name: str, about: str = "") -> None:
    """Offer what our own server has at path."""
    _link()(key=f"download-{name}", data={"label": label, "path": path, "name": name, "about": about})


@cache
def _link() -> Callable[..., Any]:
    return st.components.v2.component("srmos_download", html="<a></a>", css=_STYLE, js=loader_of("download"))

"""The screens' browser side: components-v2 scripts, each put together from a few files."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

Screen = Literal["welcome", "back", "check", "pause", "rate", "thanks", "notice"]
_HERE = Path(__file__).parent


def mount(screen: str, data: dict[str, Any]) -> None:
    """Show a screen; it talks to the rating routes and asks for a rerun where the next screen is due."""
    _component(screen)(key=f"srmos-{screen}", data=data, on_moved_change=lambda: None)


@cache
def _component(screen: str) -> Callable[..., Any]:
    scripts = [(_HERE / name).read_text() for name in ("client.js", "page.js", f"{screen}.js")]
    styles = [(_HERE / name).read_text() for name in ("page.css", "rate.css")]
    return st.components.v2.component(
        f"srmos_{screen}", html='<div class="srmos"></div>\n', css="\n".join(styles), js="\n".join(scripts)
    )

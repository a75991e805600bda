"""Puts a screen's browser side on the page, as a Streamlit component."""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from mos_app.web.pages import loader_of, style


def mount(screen: str, data: dict[str, Any]) -> None:
    """Show a screen; it talks to the rating routes and asks for a rerun where the next screen is due."""
    _component(screen)(key=f"srmos-{screen}", data=data, on_moved_change=lambda: None)


@cache
def _component(screen: str) -> Callable[..., Any]:
    return st.components.v2.component(
        f"srmos_{screen}", html='<div class="srmos"></div>\n', css=style(), js=loader_of(screen)
    )

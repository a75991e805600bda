"""Adding pictures on the admin page: what `mos extend` does with a run or a folder of methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mos_app.screens.signed_in import stay_admin
from mos_app.store.blocks import add_block, told
from mos_app.store.connection import Database
from mos_app.study.freeze import Limits, check_block
from mos_app.study.sources import Version, versions_from
from sr_models.data.errors import InputError

RUN, METHODS = "a run of bench", "a folder for each method"


@dataclass(frozen=True)
class _Block:
    """More pictures, as somebody asks for them."""

    versions: Sequence[Version]
    limits: Limits
    copy: bool


def show_more_pictures(db: Database, folder: Path, *, who: str) -> None:
    """Show the form; what it asks for is looked at, then added after a further question."""
    with st.expander("More pictures, as a further block"):
        st.caption(
            "New pictures of the same methods, from a folder on the computer that serves this study. "
            "Everybody sees them after what came before, those who had finished, too."
        )
        try:
            if (block := _asked_for()) is None:
                return
            check_block(db.study, block.versions)
        except InputError as error:
            st.error(_plain(error))
        else:
            _confirm(db, folder, block, who)


def _asked_for() -> _Block | None:
    with st.form("block", width=720, border=False):
        where = st.text_input("Folder of the pictures", placeholder="/data/bench").strip()
        kind = st.radio("What it holds", [RUN, METHODS], horizontal=True)
        left, right = st.columns(2)
        models = left.text_input("Only these methods", placeholder="all of the folder's")
        datasets = right.text_input("Only these datasets", placeholder="all of the folder's")
        scale = left.number_input("Scale of the run; 0 where it has one", 0, 64, 0)
        lr = right.text_input("LR pictures of the run", placeholder="where it has several")
        width = left.number_input("Crop to a width in pixels; 0 is no crop", 0, 100_000, 0)
        height = right.number_input("Crop to a height in pixels; 0 is no crop", 0, 100_000, 0)
        refer = st.checkbox("Refer to the pictures instead of copying them")
        if not st.form_submit_button("Look at the pictures"):
            return None
    if not where:
        raise InputError("expected the folder of the pictures that are to be added")
    versions = versions_from(
        run=where if kind == RUN else None,
        images=where if kind == METHODS else None,
        scale=int(scale) or None,
        lr=lr.strip() or None,
        models=_names(models),
        datasets=_names(datasets),
    )
    return _Block(versions, Limits(int(width) or None, int(height) or None), copy=not refer)


def _names(text: str) -> list[str] | None:
    return text.replace(",", " ").split() or None


@st.dialog("Add these pictures?")
def _confirm(db: Database, folder: Path, block: _Block, who: str) -> None:
    stay_admin(db)
    st.write(f"Block {db.study.blocks + 1}: {told(db.study, block.versions)}.")
    st.write("It cannot be taken away again. Raters under way get it at once.")
    if st.button("Add the pictures", type="primary"):
        try:
            with st.spinner("Reading the pictures"):
                grown = add_block(db, folder, block.versions, limits=block.limits, copy=block.copy, who=who)
        except InputError as error:
            st.error(_plain(error))
        else:
            st.toast(f"Block {grown.blocks} is added.")
            st.rerun()


def _plain(error: InputError) -> str:
    """Return the error's words for Markdown as they are: a folder's name may hold its signs."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#$:~|" else sign for sign in str(error))

"""The Study section of the admin page: what may change while a study runs, and the log of changes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from mos_app.screens.more_pictures import show_more_pictures
from mos_app.store.connection import Database
from mos_app.store.raters import rater_rows, release_places
from mos_app.store.state import change_rows, edit_study, standing
from mos_app.study.definition import LANGUAGES
from mos_app.study.validity import MOST_RATERS
from mos_app.study.words import consent_text, words
from sr_models.data.errors import InputError


def show_editing(db: Database, folder: Path, *, who: str) -> None:
    """Show the form of everything that no rating depends on, and the one that adds pictures."""
    settings = standing(db).settings
    st.caption(
        "Pictures, method, order and scale are frozen: ratings depend on them. More pictures can follow."
    )
    with st.form("edit", width=720):
        title = st.text_input("Title", settings.title)
        contact = st.text_input("Whom raters can ask", settings.contact or "")
        left, right = st.columns(2)
        raters = left.number_input("Raters at most; 0 is no limit", 0, MOST_RATERS, settings.raters or 0)
        hours = right.text_input(
            "Opening hours", settings.hours or "", placeholder="09:00-18:00 Europe/Berlin"
        )
        completion_url = st.text_input("Completion URL", settings.completion_url or "")
        screen_out_code = left.text_input("Screen-out code", settings.screen_out_code or "")
        screen_out_url = right.text_input("Screen-out URL", settings.screen_out_url or "")
        saved = st.form_submit_button("Save", type="primary")
    if saved:
        changes = {
            "title": title.strip(),
            "contact": contact.strip() or None,
            "raters": int(raters) or None,
            "hours": hours.strip() or None,
            "completion_url": completion_url.strip() or None,
            "screen_out_code": screen_out_code.strip() or None,
            "screen_out_url": screen_out_url.strip() or None,
        }
        _save(db, changes, who)
    _text(db, who)
    _places(db, who)
    show_more_pictures(db, folder, who=who)


def _save(db: Database, changes: Mapping[str, object], who: str) -> None:
    try:
        different = edit_study(db, changes, who=who)
    except InputError as error:
        st.error(str(error))
    else:
        st.success(f"Changed: {', '.join(different)}" if different else "Nothing is different.")


def _text(db: Database, who: str) -> None:
    with st.expander("A sentence that raters read"):
        settings = standing(db).settings
        left, right = st.columns([1, 3])
        language = left.selectbox("Language", LANGUAGES)
        names = [name for name in words(language) if not name.startswith("labels_")]
        name = right.selectbox("Sentence", names, index=names.index("consent"))
        now = settings.texts.get(f"{language}.{name}") or words(language)[name]
        if name == "consent":
            now = consent_text(db.study, language, settings)
        text = st.text_area("Text", now, key=f"text-{language}-{name}", height=160)
        keep, back = st.columns(2)
        if keep.button("Save the sentence"):
            _save(db, {"texts": {f"{language}.{name}": text.strip()}}, who)
        if back.button("Take ours again"):
            _save(db, {"texts": {f"{language}.{name}": None}}, who)


def _places(db: Database, who: str) -> None:
    with st.expander("Places of people who stopped"):
        under_way = [row["id"] for row in rater_rows(db) if not row["finished_at"] and not row["released_at"]]
        chosen = st.multiselect("Give back the places of", under_way)
        st.caption("Somebody else may then enter. Their ratings stay, and they may go on.")
        if st.button("Give back", disabled=not chosen):
            st.success(f"Given back: {', '.join(release_places(db, chosen, who=who))}")


def show_log(db: Database, time: Callable[[str | None], str]) -> None:
    """Show who changed what, the newest first."""
    rows = change_rows(db)
    if not rows:
        return
    st.subheader("Changes", divider=False)
    st.dataframe(
        pd.DataFrame([{**row, "at": time(row["at"])} for row in reversed(rows)]),
        hide_index=True,
        width="stretch",
    )

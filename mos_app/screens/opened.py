"""The study that this server serves, opened once for all sessions."""

from pathlib import Path

import streamlit as st

from mos_app.store.connection import Database, open_database


@st.cache_resource(show_spinner=False)
def opened_database() -> Database:
    """Return the store that `create_app` named in the secrets."""
    return open_database(study_folder(), st.secrets["srmos"]["database"])


def study_folder() -> Path:
    """Return where the study lies."""
    return Path(st.secrets["srmos"]["folder"])

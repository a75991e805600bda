"""The study that this server serves, opened once for all sessions."""

import streamlit as st

from mos_app.store.connection import Database, open_database


@st.cache_resource(show_spinner=False)
def opened_database() -> Database:
    """Return the store that `create_app` named in the secrets."""
    return open_database(study_folder(), st.secrets["srmos"]["database"])


def study_folder() -> str:
    """Return the study's folder."""
    return str(st.secrets["srmos"]["folder"])

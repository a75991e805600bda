"""The study that this server serves, opened once for all sessions."""

import streamlit as st

from mos_app.store.connection import Database, open_database


@st.cache_resource(show_spinner=False)
def opened_database() -> Database:
    """Return the store that `create_app` named in the secrets."""
    return open_database(st.secrets["srmos"]["folder"], st.secrets["srmos"]["database"])

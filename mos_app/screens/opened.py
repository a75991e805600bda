"""The study that this server serves, opened once for all sessions."""

import streamlit as st

from mos_app.store.store import Store


@st.cache_resource(show_spinner=False)
def opened_store() -> Store:
    """Return the store that `create_app` named in the secrets."""
    return Store.open(st.secrets["srmos"]["folder"], st.secrets["srmos"]["database"])

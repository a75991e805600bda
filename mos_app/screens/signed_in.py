"""Whether the admin who looks at this page is still signed in."""

import streamlit as st

from mos_app.store.admin import is_signed_in
from mos_app.store.connection import Database

SESSION = "admin_token"
"""Where this browser's session stands in Streamlit's state."""


def is_admin(db: Database) -> bool:
    """Return whether the session of this page has not ended."""
    return is_signed_in(db, st.session_state.get(SESSION))


def stay_admin(db: Database) -> None:
    """Go to the login where the session has ended; what runs without the whole page asks this first."""
    if not is_admin(db):
        st.rerun()

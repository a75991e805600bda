"""The Streamlit script: finds out who is there and shows the screen that is theirs now."""

import streamlit as st

from mos_app.screens import admin, rater

st.set_page_config(page_title="Picture quality", page_icon="🖼️", layout="wide")
st.navigation(
    [
        st.Page(rater.show, title="Picture quality", default=True),
        st.Page(admin.show, title="Study", url_path="admin"),
    ],
    position="hidden",
).run()

"""The admin page's Results tab: the one place where the analysis of a study is plugged in."""

import pandas as pd
import streamlit as st


def results_tab(ratings: pd.DataFrame) -> None:
    """Show the results of a study; ratings is the long table of `mos export` (see `exchange`)."""
    main = ratings[ratings["phase"] == "main"]
    if main.empty or "score" not in main:
        st.info("Export the ratings to analyse them.")
        return
    table = main.groupby(["dataset", "method"])["score"].agg(["mean", "count"]).unstack(0)
    st.dataframe(table.round(2), width="stretch")

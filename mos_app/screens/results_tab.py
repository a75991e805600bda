"""The Results tab of the admin page: the report's sections, in Streamlit."""

from base64 import b64encode

import pandas as pd
import streamlit as st

import mos_app
from bench.figures.style import FAINT, INK, Plot, svg
from mos_app.analysis.report.results import Analysis
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.tables import Table, to_csv
from sr_models.data.errors import InputError

LIGHT_INK = "#e4e7eb"
"""What INK is on a dark page."""
DRAWN_PX = 512


def show_results(ratings: pd.DataFrame, *, title: str) -> None:
    """Show the analysis of a study's table of ratings or choices, as `mos analyse` writes it.

    The caller decides when results may be seen.
    """
    try:
        analysis = _analysed(ratings, title)
    except InputError as error:
        st.info(f"No results yet: {error}")
        return
    for section in analysis.sections:
        _show_section(section)
    st.download_button(
        "Download the report",
        analysis.page(),
        file_name="report.html",
        mime="text/html",
        help="One page with every table and figure of this tab.",
    )


@st.cache_data(show_spinner="Analysing the ratings", max_entries=4)
def _analysed(ratings: pd.DataFrame, title: str) -> Analysis:
    return mos_app.analyse(ratings, title=title)


def _show_section(section: Section) -> None:
    st.subheader(section.title)
    for paragraph in section.text:
        st.text(paragraph)  # as it is: a method's name may hold signs that Markdown would take for its own
    columns = st.columns(2) if len(section.plots) > 1 else [st.container()]
    for index, plot in enumerate(section.plots):
        with columns[index % len(columns)]:
            _show_plot(plot)
    for table in (*section.tables, *section.folded):
        with st.expander(f"{table.title} ({len(table.frame):,} rows)"):
            st.caption(table.caption)
            _show_table(table)


def _show_plot(plot: Plot) -> None:
    """Draw the SVG in the theme's ink: st.html strips SVG, and st.pyplot paints a white box.

    It goes along as a data: address, which any worker's page can show.
    """
    ink = LIGHT_INK if st.context.theme.type == "dark" else INK
    drawn = svg(plot).replace(INK, ink).replace(FAINT, "#8a93a055")
    address = f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}"
    st.image(address, caption=plot.caption, width=DRAWN_PX)


def _show_table(table: Table) -> None:
    st.dataframe(table.shown(), hide_index=True)
    st.download_button(
        "CSV, all digits",
        to_csv(table),
        file_name=f"{table.name}.csv",
        mime="text/csv",
        key=f"csv-{table.name}",
    )

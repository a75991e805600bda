"""The Results tab of the admin page: the report's sections, in Streamlit."""

from importlib.metadata import version

import pandas as pd
import streamlit as st

from bench.figures.style import FAINT, INK, Plot, svg
from mos_app.analysis.input.ratings import check_ratings
from mos_app.analysis.report.page import render_page
from mos_app.analysis.report.pairs_sections import pairs_sections
from mos_app.analysis.report.sections import Section, sections_of
from mos_app.analysis.report.tables import Table, to_csv
from mos_app.analysis.results import analyse
from mos_app.analysis.settings import Settings
from mos_app.analysis.statistics.pairs import bradley_terry, check_pairs, is_pairs
from sr_models.data.errors import InputError

LIGHT_INK = "#e4e7eb"
"""What INK is on a dark page."""
DRAWN_PX = 512


def show_results(ratings: pd.DataFrame, *, title: str, scores: pd.DataFrame | None = None) -> None:
    """Show the analysis of a study's ratings table, or its pairs, as `mos analyse` writes it.

    `scores` is scores.csv of the run that the study was made from. The caller decides when results may be
    seen: this function blinds nothing.
    """
    try:
        sections = _sections(ratings, scores, title)
    except InputError as error:
        st.info(f"No results yet: {error}")
        return
    for section in sections:
        _show_section(section)
    st.download_button(
        "Download the report",
        render_page(title, sections, footer=f"Made by srmos {version('srmos')}."),
        file_name="report.html",
        mime="text/html",
        help="One page with every table and figure of this tab.",
    )


@st.cache_data(show_spinner="Analysing the ratings", max_entries=4)
def _sections(ratings: pd.DataFrame, scores: pd.DataFrame | None, title: str) -> list[Section]:
    settings = Settings(title=title)
    if is_pairs(ratings):
        pairs = check_pairs(ratings)
        return pairs_sections(pairs, bradley_terry(pairs, draws=settings.draws, seed=settings.seed))
    return sections_of(analyse(check_ratings(ratings), settings, scores))


def _show_section(section: Section) -> None:
    st.subheader(section.title)
    for paragraph in section.text:
        st.text(paragraph)  # as it is: a method's name may hold signs that Markdown would take for its own
    columns = st.columns(2) if len(section.plots) > 1 else [st.container()]
    for index, plot in enumerate(section.plots):
        with columns[index % len(columns)]:
            _show_plot(plot)
    for table in section.tables:
        st.markdown(f"**{table.title}.** {table.caption}")
        _show_table(table)
    for table in section.folded:
        with st.expander(f"{table.title} ({len(table.frame):,} rows)"):
            st.caption(table.caption)
            _show_table(table)


def _show_plot(plot: Plot) -> None:
    """Draw the SVG in the theme's ink: st.html strips SVG, and st.pyplot paints a white box."""
    ink = LIGHT_INK if st.context.theme.type == "dark" else INK
    st.image(svg(plot).replace(INK, ink).replace(FAINT, "#8a93a055"), caption=plot.caption, width=DRAWN_PX)


def _show_table(table: Table) -> None:
    st.dataframe(table.shown(), hide_index=True)
    st.download_button(
        "CSV, all digits",
        to_csv(table),
        file_name=f"{table.name}.csv",
        mime="text/csv",
        key=f"csv-{table.name}",
    )

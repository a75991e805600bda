"""The Results tab of the admin page: the report's sections, in Streamlit."""

from base64 import b64encode

import streamlit as st

from bench.figures.style import FAINT, INK
from mos_app.screens.aside import Chapter, Drawing, Listing, Results, results_aside
from mos_app.screens.downloads import offer_text
from mos_app.screens.opened import study_folder
from mos_app.store.connection import Database
from mos_app.store.ratings import rating_count
from mos_app.store.state import standing
from sr_models.data.errors import InputError

LIGHT_INK = "#e4e7eb"
"""What INK is on a dark page."""
DRAWN_PX = 512


def show_results_of(db: Database) -> None:
    """Analyse the study's ratings, as `mos analyse` does, and show what was found.

    The caller decides when results may be seen.
    """
    try:
        results = _analysed(db, standing(db).settings.title, rating_count(db))
    except InputError as error:
        st.info(f"No results yet: {error}")
        return
    show_results(results)


@st.cache_data(show_spinner="Analysing the ratings", max_entries=4)
def _analysed(_db: Database, title: str, count: int) -> Results:  # noqa: ARG001  new ratings, new results
    return results_aside(_db, study_folder(), title)


def show_results(results: Results) -> None:
    """Show an analysis, and offer it as one page."""
    for chapter in results.chapters:
        _show_chapter(chapter)
    offer_text(
        "Download the report",
        results.page,
        name="report.html",
        mime="text/html",
        about="One page with every table and figure of this tab.",
    )


def _show_chapter(chapter: Chapter) -> None:
    st.subheader(chapter.title)
    for paragraph in chapter.text:
        st.text(paragraph)  # as it is: a method's name may hold signs that Markdown would take for its own
    columns = st.columns(2) if len(chapter.drawings) > 1 else [st.container()]
    for index, drawing in enumerate(chapter.drawings):
        with columns[index % len(columns)]:
            _show_drawing(drawing)
    for listing in chapter.listings:
        with st.expander(f"{listing.title} ({len(listing.shown):,} rows)"):
            st.caption(listing.caption)
            _show_listing(listing)


def _show_drawing(drawing: Drawing) -> None:
    """Draw the SVG in the theme's ink: st.html strips SVG, and st.pyplot paints a white box.

    It goes along as a data: address, which any worker's page can show.
    """
    ink = LIGHT_INK if st.context.theme.type == "dark" else INK
    drawn = drawing.svg.replace(INK, ink).replace(FAINT, "#8a93a055")
    address = f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}"
    st.image(address, caption=drawing.caption, width=DRAWN_PX)


def _show_listing(listing: Listing) -> None:
    st.dataframe(listing.shown, hide_index=True)
    offer_text("CSV, all digits", listing.csv, name=f"{listing.name}.csv", mime="text/csv")

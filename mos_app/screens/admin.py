"""The researcher's page: progress, a live picture, links, results once the study is closed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from mos_app.analysis.flags import rater_flags
from mos_app.screens.opened import opened_database
from mos_app.screens.results_tab import show_results
from mos_app.store.codes import RateLimit, password_matches
from mos_app.store.connection import Database
from mos_app.store.exchange import export, ratings_frame
from mos_app.store.invites import invite_rows, make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows
from mos_app.store.state import admin_hash, closed_at, set_closed

REFRESH_SECONDS = 10
ATTEMPTS_PER_SECOND = 0.1
ATTEMPTS_BURST = 5


def show() -> None:
    """Show the login, or the study to whoever knows the password."""
    db = opened_database()
    st.html("<style>[data-testid=stMainBlockContainer]{max-width:72rem;padding-top:2.5rem}</style>")
    if not st.session_state.get("is_admin"):
        _login(db)
        return
    _heading(db)
    progress, live, links, results, files = st.tabs(["Progress", "Live", "Links", "Results", "Files"])
    with progress:
        _progress(db)
    with live:
        _live(db)
    with links:
        _links(db)
    with results:
        _results(db)
    with files:
        _files(db)


@st.cache_resource(show_spinner=False)
def _attempts() -> RateLimit:
    return RateLimit(ATTEMPTS_PER_SECOND, ATTEMPTS_BURST)


def _login(db: Database) -> None:
    st.title("Study administration")
    with st.form("login", width=420):
        password = st.text_input("Password", type="password")
        if not st.form_submit_button("Sign in", type="primary"):
            return
    stored = admin_hash(db)
    if _attempts().wait_for("admin") > 0:
        st.error("Too many attempts. Please wait a moment.")
    elif stored is not None and password_matches(password, stored):
        st.session_state["is_admin"] = True
        st.rerun()
    else:
        st.error("That is not the password.")


def _heading(db: Database) -> None:
    title, button = st.columns([5, 1], vertical_alignment="bottom")
    closed = closed_at(db)
    title.title(db.study.settings.title)
    state = f"closed {closed[:16]}" if closed else "open"
    title.caption(f"{db.study.name} · {state} · {db.study.settings.method}")
    if button.button("Reopen" if closed else "Close study", width="stretch"):
        _confirm_close(db, closed is None)


@st.dialog("Are you sure?")
def _confirm_close(db: Database, close: bool) -> None:
    st.write(
        "Raters under way will see that the study is closed. Results become visible."
        if close
        else "Raters can go on, and new ones can begin."
    )
    if st.button("Close the study" if close else "Reopen the study", type="primary"):
        set_closed(db, close)
        st.rerun()


@st.fragment(run_every=REFRESH_SECONDS)
def _progress(db: Database) -> None:
    raters = rater_rows(db)
    invites = invite_rows(db)
    numbers = st.columns(4)
    numbers[0].metric("Raters", _of(len(raters), db.study.settings.raters))
    numbers[1].metric("Finished", sum(1 for row in raters if row["finished_at"]))
    numbers[2].metric("Ratings", f"{sum(row['done'] for row in raters):,}")
    numbers[3].metric("Unused links", sum(1 for row in invites if not row["used"]))
    if not raters:
        st.info("Nobody has begun yet. Make links on the Links tab.")
        return
    flags = _flags(db)
    st.dataframe(
        pd.DataFrame([_rater_line(row, flags) for row in raters]),
        hide_index=True,
        width="stretch",
        column_config={
            "done": st.column_config.ProgressColumn("done", min_value=0, max_value=1, format="percent")
        },
    )
    st.caption("Flags are hints. Nobody is left out because of one; the analysis lists every exclusion.")


@st.cache_data(ttl=REFRESH_SECONDS - 1, show_spinner=False)
def _flags(_db: Database) -> dict[str, str]:
    """Looking at every rating takes a moment in a large study: once for all who watch."""
    return rater_flags(ratings_frame(_db))


def _rater_line(row: dict[str, Any], flags: dict[str, str]) -> dict[str, Any]:
    return {
        "rater": row["id"],
        "done": row["done"] / row["total"] if row["total"] else 0.0,
        "ratings": f"{row['done']} / {row['total']}",
        "began": row["entered_at"][:16].replace("T", " "),
        "finished": (row["finished_at"] or "")[:16].replace("T", " "),
        "language": row["language"],
        "flags": flags.get(row["id"], ""),
    }


def _of(count: int, quota: int | None) -> str:
    return str(count) if quota is None else f"{count} / {quota}"


@st.fragment(run_every=REFRESH_SECONDS)
def _live(db: Database) -> None:
    rows = [row for row in rating_rows(db) if row["phase"] == "main"]
    if not rows:
        st.info("No ratings yet.")
        return
    frame = pd.DataFrame(
        [{"score": row["score"], "seconds": row["seconds"], "at": row["stored_at"]} for row in rows]
    )
    left, right = st.columns(2)
    left.subheader("Ratings an hour, last day", divider=False)
    hours = pd.to_datetime(frame["at"]).dt.floor("h")
    recent = hours[hours > datetime.now(UTC) - timedelta(days=1)]
    left.bar_chart(recent.value_counts().sort_index(), height=240, x_label="", y_label="")
    right.subheader("Scores over everything", divider=False)
    right.bar_chart(
        frame["score"].value_counts().reindex(range(1, 6), fill_value=0), height=240, x_label="", y_label=""
    )
    st.caption(
        f"Median time for an answer: {frame['seconds'].median():.1f} s. "
        "Scores are not split by method here, so that looking does not bias anybody."
    )


def _links(db: Database) -> None:
    st.write("Links are shown once; only their hashes are kept.")
    with st.form("links", width=420):
        count = st.number_input("How many", 1, 200, 5)
        reusable = st.toggle("Each link may be used by many people")
        if not st.form_submit_button("Make links", type="primary"):
            return
    origin = st.context.url.split("/admin")[0] if st.context.url else ""
    codes = make_invites(db, int(count), reusable=reusable)
    st.code("\n".join(f"{origin}/?invite={code}" for code in codes), language=None)


def _results(db: Database) -> None:
    if closed_at(db) is None:
        st.write("Results are hidden while the study runs, so that they bias nobody.")
        if not st.toggle("Show them all the same"):
            return
    show_results(ratings_frame(db), title=db.study.settings.title)


def _files(db: Database) -> None:
    if closed_at(db) is None:
        st.write(
            "These files name the methods, so they are offered once the study is closed; "
            "`mos export` writes them any time."
        )
        return
    if st.button("Prepare files"):
        from pathlib import Path

        for path in export(db, Path(st.secrets["srmos"]["folder"]) / "export"):
            st.download_button(path.name, path.read_bytes(), file_name=path.name, on_click="ignore")

"""The researcher's page: progress, a live picture, links, edits, results once the study is closed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from mos_app.screens.aside import flags_aside
from mos_app.screens.downloads import offer_address, offer_text
from mos_app.screens.editing import show_editing, show_log
from mos_app.screens.opened import opened_database, study_folder
from mos_app.screens.results_tab import show_results_of
from mos_app.screens.signed_in import SESSION, is_admin, stay_admin
from mos_app.store.admin import sign_in, sign_out, ticket_of
from mos_app.store.connection import Database
from mos_app.store.invites import invite_rows, make_invites, revoke_invite
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import hourly_counts, mean_seconds, score_counts
from mos_app.store.state import Standing, set_closed, set_paused, standing
from mos_app.study.clock import now_text
from sr_models.data.errors import InputError

REFRESH_SECONDS = 10
FLAGS_SECONDS = 60
WHO = "admin page"


def show() -> None:
    """Show the login, or the study to whoever knows the password."""
    db = opened_database()
    st.html("<style>[data-testid=stMainBlockContainer]{max-width:72rem;padding-top:2.5rem}</style>")
    if not is_admin(db):
        _login(db)
        return
    now = standing(db)
    _heading(db, now)
    # One section at a time: behind a tab it would read the database, too.
    chosen = st.segmented_control(
        "Section", list(SECTIONS), default="Progress", required=True, label_visibility="collapsed"
    )
    SECTIONS[chosen or "Progress"](db)


def _login(db: Database) -> None:
    st.title("Study administration")
    with st.form("login", width=420):
        password = st.text_input("Password", type="password")
        if not st.form_submit_button("Sign in", type="primary"):
            return
    address = st.context.ip_address
    found = sign_in(db, password, address if isinstance(address, str) else "this computer")
    if isinstance(found, str):
        st.session_state[SESSION] = found
        st.rerun()
    elif found > 0:
        st.error(f"Too many attempts from here. Please wait {_duration(found)}.")
    else:
        st.error("That is not the password.")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"


def _heading(db: Database, now: Standing) -> None:
    title, pause, close, leave = st.columns([5, 1.2, 1.2, 1.2], vertical_alignment="bottom")
    title.title(now.settings.title)
    title.caption(f"{db.study.name} · {_state(now)} · {db.study.settings.method}")
    if now.closed_at is None and pause.button("Resume" if now.paused_at else "Pause", width="stretch"):
        set_paused(db, now.paused_at is None, who=WHO)
        st.rerun()
    if close.button("Reopen" if now.closed_at else "Close study", width="stretch"):
        _confirm_close(db, now.closed_at is None)
    if leave.button("Sign out", width="stretch"):
        sign_out(db, st.session_state.pop(SESSION, None))
        st.rerun()


def _state(now: Standing) -> str:
    if now.closed_at:
        return f"closed {_time(now.closed_at)}"
    if now.paused_at:
        return f"paused {_time(now.paused_at)}"
    return f"open at {now.settings.hours}, closed now" if now.shut == "hours" else "open"


@st.dialog("Are you sure?")
def _confirm_close(db: Database, close: bool) -> None:
    stay_admin(db)
    st.write(
        "Raters under way will see that the study is closed. Results become visible."
        if close
        else "Raters can go on, and new ones can begin."
    )
    if st.button("Close the study" if close else "Reopen the study", type="primary"):
        set_closed(db, close, who=WHO)
        st.rerun()


@st.fragment(run_every=REFRESH_SECONDS)
def _progress(db: Database) -> None:
    stay_admin(db)
    raters = rater_rows(db)
    invites = invite_rows(db)
    places = sum(1 for row in raters if row["released_at"] is None)
    numbers = st.columns(4)
    numbers[0].metric("Raters", _of(places, standing(db).settings.raters))
    numbers[1].metric("Finished", sum(1 for row in raters if row["finished_at"]))
    numbers[2].metric("Ratings", f"{sum(row['done'] for row in raters):,}")
    numbers[3].metric("Unused links", sum(1 for row in invites if row["state"] == "open" and not row["used"]))
    if not raters:
        st.info("Nobody has begun yet. Make links under Links.")
        return
    flags = _flags(db)
    lines = pd.DataFrame([_rater_line(row, flags) for row in raters])
    optional = ("panel id", "panel study", "panel session", "code", "place")
    empty = [name for name in optional if not lines[name].any()]
    st.dataframe(
        lines.drop(columns=empty),
        hide_index=True,
        width="stretch",
        column_config={
            "done": st.column_config.ProgressColumn("done", min_value=0, max_value=100, format="%.0f %%")
        },
    )
    st.caption(
        "Flags are hints, looked for once a minute. Nobody is left out because of one; the analysis lists "
        "every exclusion."
    )
    _what_was_flagged(lines)
    if any(row["panel"] for row in raters):
        _panel_lists(raters, flags)


def _what_was_flagged(lines: pd.DataFrame) -> None:
    """Show the flags whole: the table above cuts long ones off."""
    flagged = lines.loc[lines["flags"] != "", ["rater", "flags"]]
    if len(flagged):
        with st.expander(f"What was flagged ({len(flagged)})"):
            st.table(flagged.set_index("rater"))


def _panel_lists(raters: list[dict[str, Any]], flags: dict[str, str]) -> None:
    """Offer whom a panel should pay, and whose ratings somebody should look at first."""
    finished = [row for row in raters if row["panel"] and row["finished_at"]]
    clear = [row for row in finished if not flags.get(row["id"])]
    flagged = [row for row in finished if flags.get(row["id"])]
    approve, reject = st.columns(2)
    with approve:
        offer_text(
            f"Approve list ({len(clear)})",
            _panel_csv(clear, flags),
            name="approve.csv",
            mime="text/csv",
            about="Finished, no flag",
        )
    with reject:
        offer_text(
            f"Reject list ({len(flagged)}): look before you send it",
            _panel_csv(flagged, flags),
            name="reject.csv",
            mime="text/csv",
            about="Finished, with what was flagged. A flag alone is no reason to leave somebody unpaid.",
        )


def _panel_csv(rows: list[dict[str, Any]], flags: dict[str, str]) -> str:
    names = {"panel": "id", "panel_study": "study", "panel_session": "session", "completion_code": "code"}
    lines = [
        {**{new: row[old] for old, new in names.items()}, "flags": flags.get(row["id"], "")} for row in rows
    ]
    return pd.DataFrame(lines, columns=[*names.values(), "flags"]).to_csv(index=False)


@st.cache_data(ttl=FLAGS_SECONDS, show_spinner="Looking for flags")
def _flags(_db: Database) -> dict[str, str]:
    """Looking at every rating takes a moment in a large study: once a minute for all who watch."""
    return flags_aside(_db, study_folder())


def _rater_line(row: dict[str, Any], flags: dict[str, str]) -> dict[str, Any]:
    return {
        "rater": row["id"],
        "done": 100 * row["done"] / row["total"] if row["total"] else 0.0,
        "ratings": f"{row['done']} / {row['total']}",
        "began": _time(row["entered_at"]),
        "finished": _time(row["finished_at"]),
        "panel id": row["panel"] or "",
        "panel study": row["panel_study"] or "",
        "panel session": row["panel_session"] or "",
        "code": row["completion_code"] or "",
        "place": "given back" if row["released_at"] else "",
        "language": row["language"],
        "flags": flags.get(row["id"], ""),
    }


def _of(count: int, quota: int | None) -> str:
    return str(count) if quota is None else f"{count} / {quota}"


def _zone() -> ZoneInfo:
    """Return the time zone of whoever looks."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _time(text: str | None) -> str:
    if not text:
        return ""
    return f"{datetime.fromisoformat(text).astimezone(_zone()):%Y-%m-%d %H:%M %Z}"


@st.fragment(run_every=REFRESH_SECONDS)
def _live(db: Database) -> None:
    stay_admin(db)
    counts, seconds = score_counts(db), mean_seconds(db)
    if seconds is None:
        st.info("No ratings yet.")
        return
    left, right = st.columns(2)
    zone = _zone()
    left.subheader(f"Ratings an hour, last day ({zone.key})", divider=False)
    day = hourly_counts(db, now_text(datetime.now(UTC) - timedelta(days=1)))
    hours = {
        datetime.fromisoformat(f"{hour}:00+00:00").astimezone(zone).replace(tzinfo=None): count
        for hour, count in sorted(day.items())
    }
    left.bar_chart(pd.Series(hours, name="ratings"), height=240, x_label="", y_label="")
    right.subheader("Scores over everything", divider=False)
    top = 2 if db.study.settings.method == "pairs" else 5
    scores = pd.Series({score: counts.get(score, 0) for score in range(1, top + 1)}, name="ratings")
    right.bar_chart(scores, height=240, x_label="", y_label="")
    st.caption(
        f"Mean time for an answer: {seconds:.1f} s. "
        "Scores are not split by method here, so that looking does not bias anybody."
    )


def _links(db: Database) -> None:
    with st.form("links", width=420):
        count = st.number_input("How many", 1, 200, 5)
        label = st.text_input("Label, for the list below", max_chars=80)
        reusable = st.toggle("Each link may be used by many people")
        made = st.form_submit_button("Make links", type="primary")
    if made:
        origin = st.context.url.split("/admin")[0] if st.context.url else ""
        codes = make_invites(db, int(count), reusable=reusable, label=label.strip() or None)
        st.write("These links are shown once; only their hashes are kept.")
        st.code("\n".join(f"{origin}/?invite={code}" for code in codes), language=None)
    rows = invite_rows(db)
    if not rows:
        return
    st.dataframe(pd.DataFrame([_link_line(row) for row in rows]), hide_index=True, width="stretch")
    open_links = {
        f"{row['number']}  {row['label'] or ''}": row["number"] for row in rows if row["state"] != "revoked"
    }
    chosen, button = st.columns([4, 1], vertical_alignment="bottom")
    link = chosen.selectbox("Revoke a link", list(open_links), index=None, placeholder="its number")
    if button.button("Revoke", disabled=link is None, width="stretch") and link is not None:
        try:
            revoke_invite(db, open_links[link])
        except InputError as error:
            st.error(str(error))
        else:
            st.rerun()


def _link_line(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "label": row["label"] or "",
        "state": row["state"],
        "for": "many" if row["reusable"] else "one",
        "used": row["used"],
        "rater": row["rater"] or "",
        "made": _time(row["created_at"]),
        "expires": _time(row["expires_at"]),
    }


def _results(db: Database) -> None:
    if standing(db).closed_at is None:
        st.write("Results are hidden while the study runs, so that they bias nobody.")
        if not st.toggle("Show them all the same"):
            return
    show_results_of(db)


def _files(db: Database) -> None:
    if standing(db).closed_at is None:
        st.write(
            "These files name the methods, so they are offered once the study is closed; "
            "`mos export` writes them any time."
        )
        return
    offer_address(
        "Download all files",
        f"/mos/files/{ticket_of(st.session_state[SESSION])}",
        name="export.zip",
        about="What `mos export` writes, as one zip.",
    )


def _editing(db: Database) -> None:
    show_editing(db, study_folder(), who=WHO)
    show_log(db, _time)


SECTIONS: dict[str, Callable[[Database], None]] = {
    "Progress": _progress,
    "Live": _live,
    "Links": _links,
    "Study": _editing,
    "Results": _results,
    "Files": _files,
}

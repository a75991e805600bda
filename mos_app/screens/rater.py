"""The rater's pages: welcome, viewing check, practice, rating, break, thanks."""

from typing import Any

import streamlit as st

from mos_app.screens.browser import mount
from mos_app.screens.opened import opened_database
from mos_app.store.connection import Database
from mos_app.store.invites import is_reusable
from mos_app.store.raters import comes_back_at_once, with_new_blocks
from mos_app.store.ratings import pace
from mos_app.store.state import Standing
from mos_app.study.definition import LANGUAGES, Language, Study
from mos_app.study.people import Rater
from mos_app.study.stages import block_end, calibration_count, pauses, seconds_left, stage_of, trials_before
from mos_app.study.viewing import LEAST_GREY_STEPS, ZOOM_TOLERANCE, gates
from mos_app.study.words import consent_text, consent_version, labels, sentences
from mos_app.web.arrival import Arrival, arrival
from mos_app.web.messages import PANEL_ID
from mos_app.web.routes import cookie_name

CHROME_PX = (24, 132)
"""CSS pixels that the rating page needs beside and above plus below a picture."""


def show() -> None:
    """Show the screen that is this person's now."""
    db = opened_database()
    invite = st.query_params.get("invite")
    token = st.context.cookies.get(cookie_name(db.study))
    found = arrival(db, token, invite, ask="ask" in st.query_params)
    match found.screen:
        case "welcome":
            _welcome(db, found.now, invite or "")
        case "return":
            _return(db, found.now, invite or "")
        case "back":
            _welcome_back(db, found)
        case "notice":
            _notice(db.study, found.now, found.rater, found.why)
        case "stage":
            _stage(db, found)


def _welcome(db: Database, now: Standing, invite: str) -> None:
    study, language = db.study, _language(db.study)
    panel = _panel(study)
    if panel is None:
        _notice(study, now, None, "panel")
        return
    reusable = is_reusable(db, invite)
    if reusable and st.query_params.get("again"):
        _return(db, now, invite)
        return
    total = _trials(study)
    mount(
        "welcome",
        {
            **_common(study, now, language),
            "invite": invite,
            "panel": panel,
            "reusable": reusable,
            "touch_allowed": study.settings.touch == "allow",
            "consent": consent_text(study, language, now.settings),
            "consent_version": consent_version(study, language, now.settings),
            "trials": total,
            "minutes": _minutes(seconds_left(0, total, [])),
            "breaks": len([at for at in pauses(study, total) if at > calibration_count(study)]),
            "languages": list(LANGUAGES),
        },
    )


def _return(db: Database, now: Standing, invite: str) -> None:
    common = _common(db.study, now, _language(db.study))
    mount("return", {**common, "invite": invite, "at_once": comes_back_at_once(db, invite)})


def _welcome_back(db: Database, found: Arrival) -> None:
    rater = found.rater
    if rater is None:
        return
    mount(
        "back",
        {
            **_common(db.study, found.now, rater.language),
            "finished": rater.finished,
            "own": found.own,
            "done": rater.done,
            "total": rater.total,
        },
    )


def _stage(db: Database, found: Arrival) -> None:
    if found.rater is None:
        return
    now = found.now
    rater = found.rater if now.shut else with_new_blocks(db, found.rater)
    study = db.study  # asked for last: it knows every block that the rater has
    stage = stage_of(rater, study)
    data = {
        **_common(study, now, rater.language),
        "stage": stage,
        "rater": rater.id,
        "study": study.fingerprint[:8],
        "done": rater.done,
        "total": rater.total,
        "block_end": block_end(rater, study),
        "minutes": _minutes(seconds_left(rater.done, rater.total, pace(db, rater.id))),
        "code": rater.completion_code,
        "completion_url": now.settings.completion_url,
        "gates": gates(study.settings),
        "zoom_tolerance": ZOOM_TOLERANCE,
        "least_grey_steps": LEAST_GREY_STEPS,
    }
    match stage:
        case "instructions" | "ready" | "break" | "more":
            mount("pause", data)
        case _:
            mount(stage, data)


def _notice(study: Study, now: Standing, rater: Rater | None, kind: str) -> None:
    language = _language(study) if rater is None else rater.language
    mount("notice", {**_common(study, now, language), "kind": kind})


def _common(study: Study, now: Standing, language: Language) -> dict[str, Any]:
    width, height = study.frame
    return {
        "title": now.settings.title,
        "method": study.settings.method,
        "practice": calibration_count(study),
        "language": language,
        "labels": labels(study, language),
        "words": sentences(now.settings, language),
        "frame": [width, height],
        "chrome": list(CHROME_PX),
        "contact": now.settings.contact,
        "hours": now.settings.hours or "",
        "screen_out_code": now.settings.screen_out_code,
        "screen_out_url": now.settings.screen_out_url,
    }


def _language(study: Study) -> Language:
    asked = st.query_params.get("lang")
    return next((language for language in LANGUAGES if language == asked), study.settings.language)


def _panel(study: Study) -> dict[str, str] | None:
    """Return the panel's ids in the address, as `Enter` takes them; None where one cannot be read.

    One that is empty, or there twice with two values, cannot be read either.
    """
    asked, own = st.query_params, study.settings.panel_parameter
    names = {
        "panel": own if own in asked else "PROLIFIC_PID",
        "panel_study": "STUDY_ID",
        "panel_session": "SESSION_ID",
    }
    found = {ours: set(asked.get_all(name)) for ours, name in names.items() if name in asked}
    ids = {ours: values.pop() for ours, values in found.items() if len(values) == 1}
    return ids if len(ids) == len(found) and all(map(PANEL_ID.fullmatch, ids.values())) else None


def _trials(study: Study) -> int:
    return trials_before(study, study.blocks)


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))

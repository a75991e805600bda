"""The rater's pages: welcome, viewing check, practice, rating, break, thanks."""

from typing import Any

import streamlit as st

from mos_app.screens.browser import mount
from mos_app.screens.opened import opened_database
from mos_app.store.connection import Database
from mos_app.store.invites import invite_state
from mos_app.store.raters import rater_of
from mos_app.store.ratings import pace
from mos_app.store.state import closed_at
from mos_app.study.definition import LANGUAGES, Language, Study
from mos_app.study.people import Rater
from mos_app.study.stages import block_end, calibration_count, pauses, seconds_left, stage_of
from mos_app.study.words import consent_text, consent_version, labels, words
from mos_app.web.routes import cookie_name

CHROME_PX = (24, 132)
"""CSS pixels that the rating page needs beside and above plus below a picture."""


def show() -> None:
    """Show the screen that is this person's now."""
    db = opened_database()
    rater = rater_of(db, st.context.cookies.get(cookie_name(db.study)))
    invite = st.query_params.get("invite")
    if rater is None:
        _welcome(db, invite)
    elif invite is not None:  # a link is a person's: whoever opened it may not be the last one here
        _welcome_back(db, rater, invite)
    elif closed_at(db) and not rater.finished:
        _notice(db.study, rater.language, "closed")
    else:
        _stage(db, rater)


def _welcome(db: Database, invite: str | None) -> None:
    study, language = db.study, _language(db.study)
    if invite is None:
        _notice(study, language, "no_invite")
        return
    state = invite_state(db, invite[:64])
    if closed_at(db) or state != "open":
        _notice(study, language, "closed" if closed_at(db) else state)
        return
    total = _trials(study)
    mount(
        "welcome",
        {
            **_common(study, language),
            "invite": invite,
            "panel": _panel(study),
            "consent": consent_text(study, language),
            "consent_version": consent_version(study, language),
            "trials": total,
            "minutes": _minutes(seconds_left(0, total, [])),
            "breaks": len([at for at in pauses(study, total) if at > calibration_count(study)]),
            "languages": list(LANGUAGES),
        },
    )


def _welcome_back(db: Database, rater: Rater, invite: str) -> None:
    mount(
        "back",
        {
            **_common(db.study, rater.language),
            "finished": rater.finished,
            "done": rater.done,
            "total": rater.total,
            "invite": invite,
        },
    )


def _stage(db: Database, rater: Rater) -> None:
    study = db.study
    stage = stage_of(rater, study)
    data = {
        **_common(study, rater.language),
        "stage": stage,
        "rater": rater.id,
        "study": study.fingerprint[:8],
        "done": rater.done,
        "total": rater.total,
        "practice": calibration_count(study),
        "block_end": block_end(rater, study),
        "minutes": _minutes(seconds_left(rater.done, rater.total, pace(db, rater.id))),
        "code": rater.completion_code,
        "completion_url": study.settings.completion_url,
    }
    match stage:
        case "instructions" | "ready" | "break":
            mount("pause", data)
        case _:
            mount(stage, data)


def _notice(study: Study, language: Language, kind: str) -> None:
    mount("notice", {**_common(study, language), "kind": kind})


def _common(study: Study, language: Language) -> dict[str, Any]:
    width, height = study.frame
    return {
        "title": study.settings.title,
        "method": study.settings.method,
        "language": language,
        "labels": labels(study, language),
        "words": words(language),
        "frame": [width, height],
        "chrome": list(CHROME_PX),
        "contact": study.settings.contact,
    }


def _language(study: Study) -> Language:
    asked = st.query_params.get("lang")
    return next((language for language in LANGUAGES if language == asked), study.settings.language)


def _panel(study: Study) -> str | None:
    return st.query_params.get(study.settings.panel_parameter)


def _trials(study: Study) -> int:
    from mos_app.study.order import trials_of

    main = sum(len(trials) for trials in trials_of(study).values())
    return calibration_count(study) + main + round(study.settings.repeat_share * main)


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))

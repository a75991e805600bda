"""Who is at this browser, and which screen is theirs: decided from the session cookie and the link alone."""

from dataclasses import dataclass
from typing import Literal

from mos_app.store.connection import Database
from mos_app.store.invites import invite_state, is_link_of
from mos_app.store.raters import rater_of
from mos_app.store.state import Standing, standing
from mos_app.study.people import Rater

LONGEST_CODE = 64


@dataclass(frozen=True)
class Arrival:
    """What to show."""

    screen: Literal["welcome", "return", "back", "notice", "stage"]
    """return: a used link without a cookie. back: a link beside a cookie, so we ask who it is."""
    now: Standing
    rater: Rater | None = None
    why: str = ""
    """The kind of a notice."""
    own: bool = False
    """back: whether the link is this rater's, so that they may see their completion code again."""


def arrival(db: Database, token: str | None, invite: str | None, *, ask: bool = False) -> Arrival:
    """Return the screen for whoever sits here.

    A link never goes on as the last person without asking, nor does a tab that somebody else used (`ask`).
    """
    now, rater = standing(db), rater_of(db, token)
    if rater is None:
        return _without_session(db, now, invite)
    if invite is not None or ask:
        own = invite is not None and is_link_of(db, invite[:LONGEST_CODE], rater.id)
        return Arrival("back", now, rater, own=own)
    if now.shut and not rater.finished:
        return Arrival("notice", now, rater, now.shut)
    return Arrival("stage", now, rater)


def _without_session(db: Database, now: Standing, invite: str | None) -> Arrival:
    if invite is None:
        return Arrival("notice", now, why="no_invite")
    state = invite_state(db, invite[:LONGEST_CODE])
    if state == "used":
        return Arrival("return", now)
    if state != "open" or now.shut:
        return Arrival("notice", now, why=now.shut or state)
    return Arrival("welcome", now)

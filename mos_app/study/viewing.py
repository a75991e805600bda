"""What a viewing check found that speaks against ratings from this screen."""

from collections.abc import Mapping
from typing import Any, Literal

from mos_app.study.definition import Settings

Problem = Literal["touch", "zoom", "grey"]
ZOOM_TOLERANCE = 8
"""Percent: what rounding and window borders make of 100."""
GREY_STEPS = 6
LEAST_GREY_STEPS = 3
"""Of 6 in each row; with fewer, dark and light parts of pictures look alike."""


def problems(found: Mapping[str, Any]) -> list[Problem]:
    """Return what speaks against this screen, [] where nothing does or nothing is known."""
    seen: list[Problem] = []
    if found.get("touch"):
        seen.append("touch")
    if abs(found.get("zoom_percent", 100) - 100) > ZOOM_TOLERANCE:
        seen.append("zoom")
    if min(found.get("dark_steps", GREY_STEPS), found.get("light_steps", GREY_STEPS)) < LEAST_GREY_STEPS:
        seen.append("grey")
    return seen


def gates(settings: Settings) -> list[Problem]:
    """Return the problems that hold somebody up in this study."""
    found: list[Problem] = ["zoom", "grey"] if settings.checks == "strict" else []
    return ["touch", *found] if settings.touch == "refuse" else found


def in_words(found: Mapping[str, Any]) -> str:
    """Return the problems for the researcher, '' where there are none."""
    told = {
        "touch": "a touch screen",
        "zoom": f"zoom {found.get('zoom_percent')} %",
        "grey": f"grey steps told apart {found.get('dark_steps')} dark, {found.get('light_steps')} light of "
        f"{GREY_STEPS}",
    }
    return "; ".join(told[problem] for problem in problems(found))

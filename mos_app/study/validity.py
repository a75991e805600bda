"""Whether a study's settings can be meant: checked when it is made, and again when it is edited."""

import re
from datetime import datetime, time
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mos_app.study.definition import LANGUAGES, Settings
from mos_app.study.words import words
from sr_models.data.errors import InputError

LONGEST_TEXT = 4000
MOST_RATERS = 100_000
_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) (\S+)$")


def check_settings(settings: Settings) -> None:
    """Raise InputError at the first setting that cannot be meant."""
    if not settings.title.strip():
        raise InputError("--title: expected what raters see as the study's name, got nothing")
    if settings.raters is not None and not 1 <= settings.raters <= MOST_RATERS:
        raise InputError(
            f"--raters: expected at least 1 person and at most {MOST_RATERS}, or no limit; "
            f"got {settings.raters}"
        )
    if not 0 <= settings.repeat_share < 1:
        raise InputError(f"--repeats: expected a share from 0 to below 1, got {settings.repeat_share:g}")
    if settings.repeat_lag < 1 or settings.break_every < 0:
        raise InputError("--repeat-lag is at least 1, --break-every at least 0")
    for option, url in (
        ("--completion-url", settings.completion_url),
        ("--screen-out-url", settings.screen_out_url),
    ):
        _check_url(option, url)
    for option, code in (
        ("--completion-code", settings.completion_code),
        ("--screen-out-code", settings.screen_out_code),
    ):
        if code is not None and not 1 <= len(code.strip()) <= 64:
            raise InputError(f"{option}: expected 1 to 64 characters, got {len(code)}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", settings.panel_parameter):
        raise InputError(
            f"--panel-parameter: expected letters, digits, - and _, got {settings.panel_parameter!r}"
        )
    if settings.hours is not None:
        opening_hours(settings.hours)
    _check_texts(settings)


def _check_url(option: str, url: str | None) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s<>\"]", url):
        raise InputError(
            f"{option}: expected a whole address such as https://panel.example/done, got {url!r}"
        )


def _check_texts(settings: Settings) -> None:
    for name, text in settings.texts.items():
        language, _, sentence = name.partition(".")
        known = next((words(each) for each in LANGUAGES if each == language), None)
        if known is None:
            raise InputError(
                f"expected a text of {' or '.join(LANGUAGES)}, such as en.welcome_lead; got {name!r}"
            )
        if sentence not in known or sentence.startswith("labels_"):
            raise InputError(
                f"no sentence called {sentence!r} can be changed: "
                f"mos_app/study/words/{language}.toml lists them"
            )
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise InputError(f"{name}: expected 1 to {LONGEST_TEXT} characters, got {len(text.strip())}")
        lacking = set(re.findall(r"{(\w+)}", text)) - set(re.findall(r"{(\w+)}", known[sentence]))
        if lacking:
            raise InputError(f"{name}: nothing fills {{{sorted(lacking)[0]}}} in this sentence")


def opening_hours(text: str) -> tuple[time, time, ZoneInfo]:
    """Return from, to and the time zone of `09:00-18:00 Europe/Berlin`; to may lie after midnight."""
    found = _HOURS.match(text)
    if not found:
        raise InputError(f"--hours: expected such as '09:00-18:00 Europe/Berlin', got {text!r}")
    a, b, c, d, zone = found.groups()
    try:
        return time(int(a), int(b)), time(int(c), int(d)), ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(f"--hours: no time zone called {zone!r}; expected such as Europe/Berlin") from None


def is_within(hours: str, moment: datetime) -> bool:
    """Return whether the moment (with its zone) lies in the opening hours."""
    start, end, zone = opening_hours(hours)
    now = moment.astimezone(zone).time()
    return start <= now < end if start <= end else now >= start or now < end

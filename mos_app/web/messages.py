"""What a browser may send: every field typed and bounded, unknown fields refused."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from mos_app.study.definition import Language

PresentationId = Annotated[str, Meta(pattern=r"^[a-z2-9]{22}$")]
Ratio = Annotated[float, Meta(gt=0, le=16)]
Pixels = Annotated[float, Meta(ge=-100_000, le=100_000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Size = Annotated[str, Meta(pattern=r"^\d{1,5}x\d{1,5}$")]
RaterId = Annotated[str, Meta(pattern=r"^[a-z2-9]{8}$")]
Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
PANEL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PanelId = Annotated[str, Meta(pattern=f"^{PANEL_ID.pattern}$")]
Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


class Enter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person with an invite agrees and begins."""

    invite: Annotated[str, Meta(min_length=1, max_length=64)]
    consent: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]
    language: Language
    nonce: Nonce
    panel: PanelId | None = None
    panel_study: PanelId | None = None
    panel_session: PanelId | None = None


class ComeBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person whose browser lost its cookie opens their link again."""

    invite: Annotated[str, Meta(min_length=1, max_length=64)]
    nonce: Nonce
    name: Annotated[str, Meta(max_length=32)] | None = None


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the viewing check found, and whose page found it: another person may sit here by now."""

    rater: RaterId
    device_pixel_ratio: Ratio
    viewport: Size
    screen: Size
    zoom_percent: Annotated[int, Meta(ge=1, le=1000)]
    dark_steps: Annotated[int, Meta(ge=0, le=20)]
    light_steps: Annotated[int, Meta(ge=0, le=20)]
    touch: bool


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rating, as the browser that painted the picture reports it."""

    presentation: PresentationId
    score: Annotated[int, Meta(ge=1, le=5)]
    seconds: Seconds
    shown_at: Time
    device_pixel_ratio: Ratio
    rect: Annotated[tuple[Pixels, Pixels, Pixels, Pixels], "x, y, width, height in device pixels"]
    viewport: Size
    visible: bool
    fullscreen: bool


class Rested(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A break ends; `at` is the number of ratings done when it began, `rater` whose it was."""

    rater: RaterId
    at: Annotated[int, Meta(ge=0, le=1_000_000)]

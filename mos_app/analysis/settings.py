"""What a user may set about an analysis; the report prints all of it."""

from dataclasses import dataclass, field
from typing import Literal

from mos_app.analysis.flags import FlagRules

Screening = Literal["none", "bt500", "p913", "flags"]


@dataclass(frozen=True)
class Settings:
    """How ratings are analysed."""

    title: str = "Opinion scores"
    reference: str = "hr"
    """The hidden reference: DMOS is against it, and it takes no rank."""
    screening: Screening = "none"
    """Whom the headline leaves out. Every rule is reported either way."""
    draws: int = 2000
    """Bootstrap draws."""
    seed: int = 0
    flags: FlagRules = field(default_factory=FlagRules)

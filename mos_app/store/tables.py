"""The tables of a study's database; `migrations/` creates and changes them."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# Times are ISO 8601 text in UTC with milliseconds, so that both databases give back what was stored.

metadata = MetaData()

study = Table(
    "study",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("entered", Integer, nullable=False),  # raters so far, forgotten ones too: the next one's number
    Column("closed_at", String(24)),
    Column("admin_hash", Text),
    Column("paused_at", String(24)),
    Column("edited", Text),  # JSON: what was edited since the study was frozen
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String(24), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
)

admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("expires_at", String(24), nullable=False),
)

attempts = Table(  # at the admin's password, by address
    "attempts",
    metadata,
    Column("source", String(64), primary_key=True),  # a keyed hash of the address
    Column("failures", Integer, nullable=False),
    Column("last_at", String(24), nullable=False),
)

invites = Table(
    "invites",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("created_at", String(24), nullable=False),
    Column("expires_at", String(24)),
    Column("reusable", Boolean, nullable=False),
    Column("used", Integer, nullable=False),
    Column(
        "rater", String(16)
    ),  # whom the link brings back: set when it is made for them, or once they entered
    Column("label", Text),
    Column("used_at", String(24)),
    Column("revoked_at", String(24)),
)

raters = Table(
    "raters",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("session_hash", String(64), unique=True),
    Column("reusable_invite", Boolean, nullable=False),
    Column("entered_at", String(24), nullable=False),
    Column("language", String(8), nullable=False),
    Column("consent_version", String(16), nullable=False),
    Column("panel", String(64), index=True),
    Column("panel_study", String(64)),
    Column("panel_session", String(64)),
    Column("checked", Text),  # JSON: what the viewing check found
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("rested_at", Integer, nullable=False),  # the position at which the last break ended
    Column("finished_at", String(24)),
    Column("completion_code", String(64)),
    Column("released_at", String(24)),  # the place was given back: somebody else may have it
    Column(
        "blocks", Integer, nullable=False, server_default="1"
    ),  # of the study's blocks in this person's order
)

presentations = Table(
    "presentations",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("rater", String(16), ForeignKey("raters.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("stimulus", String(64), nullable=False),
    Column("other", String(64)),
    Column("repeat", Boolean, nullable=False),
    UniqueConstraint("rater", "position", name="one_presentation_a_place"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("presentation", String(22), ForeignKey("presentations.id"), primary_key=True),
    Column("score", Integer, nullable=False),  # ACR, DCR: 1 to 5; pairs: 1 left, 2 right
    Column("seconds", Float(53), nullable=False),  # from first paint to answer
    Column("shown_at", String(24), nullable=False),  # the browser's clock
    Column("stored_at", String(24), nullable=False),  # the server's clock
    Column("device_pixel_ratio", Float(53), nullable=False),
    Column("rect", String(64), nullable=False),  # x y width height, device pixels
    Column("viewport", String(32), nullable=False),  # WIDTHxHEIGHT, CSS pixels
    Column("visible", Boolean, nullable=False),
    Column("fullscreen", Boolean, nullable=False),
)

"""The first tables, and the rule that a rating is never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables; UPDATE of a rating fails in the database itself."""
    op.create_table(
        "study",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("entered", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.String(24)),
        sa.Column("admin_hash", sa.Text),
    )
    op.create_table(
        "invites",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("expires_at", sa.String(24)),
        sa.Column("reusable", sa.Boolean, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("rater", sa.String(16)),
    )
    op.create_table(
        "raters",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("session_hash", sa.String(64), unique=True),
        sa.Column("reusable_invite", sa.Boolean, nullable=False),
        sa.Column("entered_at", sa.String(24), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("consent_version", sa.String(16), nullable=False),
        sa.Column("panel", sa.String(64)),
        sa.Column("checked", sa.Text),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("rested_at", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.String(24)),
        sa.Column("completion_code", sa.String(64)),
    )
    op.create_table(
        "presentations",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("rater", sa.String(16), sa.ForeignKey("raters.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("stimulus", sa.String(64), nullable=False),
        sa.Column("other", sa.String(64)),
        sa.Column("repeat", sa.Boolean, nullable=False),
        sa.UniqueConstraint("rater", "position", name="one_presentation_a_place"),
    )
    op.create_table(
        "ratings",
        sa.Column("presentation", sa.String(22), sa.ForeignKey("presentations.id"), primary_key=True),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("shown_at", sa.String(24), nullable=False),
        sa.Column("stored_at", sa.String(24), nullable=False),
        sa.Column("device_pixel_ratio", sa.Float(53), nullable=False),
        sa.Column("rect", sa.String(64), nullable=False),
        sa.Column("viewport", sa.String(32), nullable=False),
        sa.Column("visible", sa.Boolean, nullable=False),
        sa.Column("fullscreen", sa.Boolean, nullable=False),
    )
    op.create_index("ratings_by_time", "ratings", ["stored_at"])
    _forbid_updates()


def _forbid_updates() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER ratings_are_append_only BEFORE UPDATE ON ratings "
            "BEGIN SELECT RAISE(ABORT, 'ratings are append-only'); END"
        )
    else:
        op.execute(
            "CREATE FUNCTION refuse_rating_update() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'ratings are append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER ratings_are_append_only BEFORE UPDATE ON ratings "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rating_update()"
        )

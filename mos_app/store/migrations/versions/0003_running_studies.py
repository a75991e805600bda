"""What a study that runs for a month needs: edits and their log, admin sessions, links with names, panels."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and tables; nothing that is there changes."""
    for table, column in (
        ("study", sa.Column("paused_at", sa.String(24))),
        ("study", sa.Column("edited", sa.Text)),
        ("invites", sa.Column("label", sa.Text)),
        ("invites", sa.Column("used_at", sa.String(24))),
        ("invites", sa.Column("revoked_at", sa.String(24))),
        ("raters", sa.Column("panel_study", sa.String(64))),
        ("raters", sa.Column("panel_session", sa.String(64))),
        ("raters", sa.Column("released_at", sa.String(24))),
        ("raters", sa.Column("blocks", sa.Integer, nullable=False, server_default="1")),
    ):
        op.add_column(table, column)
    op.create_index("ix_raters_panel", "raters", ["panel"])
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
    )
    op.create_table(
        "admin_sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.String(24), nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", sa.String(24), nullable=False),
    )

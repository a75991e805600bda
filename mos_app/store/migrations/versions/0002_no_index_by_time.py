"""The index of ratings by time goes: no query used it, and every rating paid for it."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Drop the index."""
    op.drop_index("ratings_by_time", "ratings")

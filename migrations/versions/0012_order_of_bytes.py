"""Ids of events in the order of their bytes, whatever language the database sorts in."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = [(table, column) for table in ("events", "changes") for column in ("origin", "event_id")]


def upgrade() -> None:
    _collate(sa.Text(collation="C"))


def downgrade() -> None:
    _collate(sa.Text(collation="default"))


def _collate(kind: sa.Text) -> None:
    """SQLite compares bytes anyway."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in COLUMNS:
            op.alter_column(table, column, type_=kind, existing_nullable=False)

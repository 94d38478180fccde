"""Indexes of events end with their time: SQLite has seq in each anyway, PostgreSQL sorts the few of an instant.

That of a tag's lines is made again: of two that seem to cost the same PostgreSQL takes the younger one, and where it
doesn't know the values yet, that of a whole repository seems to.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INDEXES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("ix_events_time", (), None),
    ("ix_events_pulls", (), "action = 'pull'"),
    ("ix_events_origin", ("origin",), None),
    ("ix_events_action", ("action",), "action <> 'pull'"),
    ("ix_events_repository_time", ("registry", "repository"), None),
    ("ix_events_digest", ("digest",), "digest IS NOT NULL"),
    ("ix_events_actor", ("actor",), "actor IS NOT NULL"),
)


def upgrade() -> None:
    _make("time_ns")
    op.drop_index("ix_changes_tag_time", "changes")
    op.create_index("ix_changes_tag_time", "changes", ["registry", "repository", "tag", "time_ns"])


def downgrade() -> None:
    _make("time_ns", "seq")


def _make(*ending: str) -> None:
    for name, columns, condition in _INDEXES:
        op.drop_index(name, "events")
        where: dict[str, Any] = {}
        if condition is not None:
            where = {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}
        op.create_index(name, "events", [*columns, *ending], **where)

"""Indexes for first pages of a history of millions: rare actions and kinds, lines of an origin or actor, known-at."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SCOPED, _NO_PULL = sa.text("scope IS NOT NULL"), sa.text("action <> 'pull'")
_NAMED, _RARE = sa.text("actor IS NOT NULL"), sa.text("kind NOT IN ('created', 'moved')")
_TAG = ["registry", "repository", "tag", "time_ns"]


def _where(condition: sa.TextClause) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def upgrade() -> None:
    op.drop_index("ix_events_history", "events")
    op.create_index("ix_events_history", "events", [*_TAG, "received_ns"], **_where(_SCOPED))
    op.drop_index("ix_events_origin", "events")
    op.create_index("ix_events_origin", "events", ["origin", "time_ns", "seq"])
    op.create_index("ix_events_action", "events", ["action", "time_ns", "seq"], **_where(_NO_PULL))
    op.create_index("ix_changes_actor", "changes", ["actor", "time_ns"], **_where(_NAMED))
    op.create_index("ix_changes_kind", "changes", ["kind", "time_ns"], **_where(_RARE))


def downgrade() -> None:
    op.drop_index("ix_changes_kind", "changes")
    op.drop_index("ix_changes_actor", "changes")
    op.drop_index("ix_events_action", "events")
    op.drop_index("ix_events_origin", "events")
    op.create_index("ix_events_origin", "events", ["origin", "seq"])
    op.drop_index("ix_events_history", "events")
    op.create_index("ix_events_history", "events", _TAG, **_where(_SCOPED))

"""An index of events that were received long after they happened: few, and the only ones that tell of long before."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    slow = sa.text("scope IS NOT NULL AND received_ns - time_ns > 60000000000")
    columns = ["registry", "repository", "received_ns", "tag", "time_ns"]
    op.create_index("ix_events_slow", "events", columns, sqlite_where=slow, postgresql_where=slow)


def downgrade() -> None:
    op.drop_index("ix_events_slow", "events")

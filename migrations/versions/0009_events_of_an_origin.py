"""The newest events of an origin, without a look at those of others."""

from alembic import op

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_events_origin", "events", ["origin", "seq"])


def downgrade() -> None:
    op.drop_index("ix_events_origin", "events")

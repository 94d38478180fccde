"""Which event wrote or last altered each change, so that changes can be sent on in order."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("changes", sa.Column("altered_seq", BIG, nullable=False, server_default="0"))
    op.execute(
        "UPDATE changes SET altered_seq = coalesce((SELECT seq FROM events WHERE events.origin = changes.origin "
        "AND events.event_id = changes.event_id), 0)"
    )
    op.create_index("ix_changes_altered", "changes", ["altered_seq"])


def downgrade() -> None:
    op.drop_index("ix_changes_altered", "changes")
    op.drop_column("changes", "altered_seq")

"""What repositories began to refer to while a collector is under way on another machine."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "linked",
        sa.Column("digest", sa.Text(), primary_key=True),
        comment="Empty unless a collection is under way: '', and what repositories began to refer to since it began.",
    )


def downgrade() -> None:
    op.drop_table("linked")

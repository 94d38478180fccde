"""Headers of a body that could not be read: some dialects need them to read it again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("headers", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("quarantine", "headers")

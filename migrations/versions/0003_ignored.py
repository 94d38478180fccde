"""How many events of an origin its filters left out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("origins", sa.Column("ignored", number, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("origins", "ignored")

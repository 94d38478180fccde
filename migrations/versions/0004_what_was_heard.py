"""Which numbers of a journal were told, so that gaps show."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("after", _BIG, autoincrement=False, nullable=False),
        sa.Column("upto", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("origin", "journal", "after", name=op.f("pk_heard")),
        comment="Numbers of a journal that were told: after < n <= upto. What lies between two rows is a gap.",
    )


def downgrade() -> None:
    op.drop_table("heard")

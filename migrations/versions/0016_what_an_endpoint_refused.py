"""Events beside the order of an endpoint, the number it was told last, and what distribution's events lack."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("journal", sa.Column("extra", sa.LargeBinary()))
    for name, kind in (("told", _BIG), ("refusals", sa.Integer())):
        op.add_column("cursors", sa.Column(name, kind, nullable=False, server_default="0"))
    op.execute("UPDATE cursors SET told = seq")
    op.create_table(
        "parked",
        sa.Column("endpoint", sa.Text(), primary_key=True),
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("previous", _BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_ns", _BIG, nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        comment="Events beside an endpoint's order: what it refused, and what it is to be sent again.",
    )
    again = sa.text("again")
    op.create_index("ix_parked_again", "parked", ["endpoint"], sqlite_where=again, postgresql_where=again)


def downgrade() -> None:
    op.drop_table("parked")
    for name in ("refusals", "told"):
        op.drop_column("cursors", name)
    op.drop_column("journal", "extra")

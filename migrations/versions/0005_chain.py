"""The chain over events and what operators do."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Events that are there already get no links: the chain begins with the next row, and `audit verify` says so."""
    op.create_table(
        "links",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_links")),
        comment="What binds each event and action to all before it; outlives them.",
    )
    op.create_table(
        "actions",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("time_ns", BIG, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_actions")),
        comment="What an operator did, append-only; seq is shared with events.",
    )
    op.add_column("head", sa.Column("chain", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("head", "chain")
    op.drop_table("actions")
    op.drop_table("links")

"""Tokens of those who may ask."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("made_ns", Big, nullable=False),
        sa.Column("expires_ns", Big, nullable=True),
        sa.Column("revoked_ns", Big, nullable=True),
        sa.Column("last_used_ns", Big, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tokens")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_tokens_secret_sha256")),
        comment="Who may ask. No scope is everything. A revoked one stays: its name in the records means nobody else.",
    )


def downgrade() -> None:
    op.drop_table("tokens")

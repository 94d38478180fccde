"""What the auditor's questions need: when each repository was first told of, and indexes that lead to first pages."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0008"
branch_labels = None
depends_on = None

_SQLITE_RELEASES = "kind IN ('moved', 'restored') AND (tag GLOB 'v[0-9]*.[0-9]*' OR tag GLOB '[0-9]*.[0-9]*')"
_POSTGRESQL_RELEASES = "kind IN ('moved', 'restored') AND tag ~ '^v?[0-9].*[.][0-9]'"

_FIRST_TOLD = """
INSERT INTO repositories (registry, repository, first_ns, first_seq)
SELECT registry, repository, first_ns, (
    SELECT min(seq) FROM events
    WHERE events.registry = first.registry AND events.repository = first.repository AND time_ns = first_ns
)
FROM (
    SELECT registry, repository, min(time_ns) AS first_ns FROM events
    WHERE repository <> '' GROUP BY registry, repository
) AS first
"""


def upgrade() -> None:
    op.create_table(
        "repositories",
        sa.Column("registry", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("first_ns", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("registry", "repository", name=op.f("pk_repositories")),
        comment="Every repository that was told of, and the earliest event that did: by time, then by seq.",
    )
    op.execute(_FIRST_TOLD)
    op.create_index("ix_repositories_first", "repositories", ["first_ns", "registry", "repository"], unique=False)
    op.create_index(
        "ix_events_pulls",
        "events",
        ["time_ns", "seq"],
        unique=False,
        sqlite_where=sa.text("action = 'pull'"),
        postgresql_where=sa.text("action = 'pull'"),
    )
    op.create_index("ix_changes_repository_time", "changes", ["registry", "repository", "time_ns"], unique=False)
    op.create_index(
        "ix_changes_releases",
        "changes",
        ["time_ns"],
        unique=False,
        sqlite_where=sa.text(_SQLITE_RELEASES),
        postgresql_where=sa.text(_POSTGRESQL_RELEASES),
    )


def downgrade() -> None:
    op.drop_index("ix_changes_releases", table_name="changes")
    op.drop_index("ix_changes_repository_time", table_name="changes")
    op.drop_index("ix_events_pulls", table_name="events")
    op.drop_index("ix_repositories_first", table_name="repositories")
    op.drop_table("repositories")

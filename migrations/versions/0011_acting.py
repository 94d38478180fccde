"""Settle windows, the state of destinations, pauses, approvals, and what a delivery is about."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
DELIVERY_COLUMNS: dict[str, Any] = {
    "registry": sa.Text, "repository": sa.Text, "digest": sa.Text, "trace_id": sa.Text, "headers": sa.Text,
    "query": sa.Text, "held_ns": Big,
}  # fmt: skip
MADE_BY = ("rule", "rule_version")


def upgrade() -> None:
    for name, kind in DELIVERY_COLUMNS.items():
        op.add_column("deliveries", sa.Column(name, kind))
    op.add_column("deliveries", sa.Column("confirm", sa.Boolean(), nullable=False, server_default=sa.false()))
    deploys = sa.text("purpose = 'deploy'")
    op.create_index("ix_deliveries_trace", "deliveries", ["trace_id"])
    op.create_index(
        "ix_deliveries_deployed", "deliveries", ["destination", "registry", "repository", "made_ns"],
        sqlite_where=deploys, postgresql_where=deploys,
    )  # fmt: skip
    leased = sa.text("leased_until_ns > 0")
    op.create_index(
        "ix_deliveries_leased", "deliveries", ["destination", "leased_until_ns"],
        sqlite_where=leased, postgresql_where=leased,
    )  # fmt: skip
    for name in MADE_BY:
        op.add_column("delivery_changes", sa.Column(name, sa.Text))
    _windows()
    _texts()
    _states()


def _windows() -> None:
    op.create_table(
        "windows",
        sa.Column("id", Big, autoincrement=True, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("registry", sa.Text, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("opened_ns", Big, nullable=False),
        sa.Column("closes_ns", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_windows"),
        sa.UniqueConstraint(
            "destination", "registry", "repository", name="uq_windows_destination_registry_repository"
        ),
        comment="What waits until nothing more comes; a channel's are about all registries and repositories ('').",
    )
    op.create_index("ix_windows_closes", "windows", ["closes_ns"])
    op.create_table(
        "window_changes",
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("window_id", Big, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("destination", "subject", name="pk_window_changes"),
        sa.ForeignKeyConstraint(["window_id"], ["windows.id"], name="fk_window_changes_window_id_windows"),
        comment="A change or event that a rule sends to a destination, while its window is open.",
    )
    op.create_index("ix_window_changes_window", "window_changes", ["window_id"])


def _texts() -> None:
    op.create_table(
        "index_manifests",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", "manifest", name="pk_index_manifests"),
        comment="What an index consists of, as its registry said when asked. One without any has a row with ''.",
    )
    op.create_table(
        "rule_texts",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("first_ns", Big, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_rule_texts"),
        comment="A rule as it was written when it made a delivery.",
    )


def _states() -> None:
    op.create_table(
        "destinations",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since_ns", Big, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since_ns", Big),
        sa.Column("not_before_ns", Big, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_destinations"),
        comment="How a destination does: open, backing off or disabled; nothing is sent to it before not_before_ns.",
    )
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("since_ns", Big, nullable=False),
        sa.Column("until_ns", Big),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("scope", name="pk_pauses"),
        comment="What an operator holds back: everything, rule:NAME or a destination.",
    )
    op.create_table(
        "approvals",
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("asked_ns", Big, nullable=False),
        sa.Column("deadline_ns", Big, nullable=False),
        sa.Column("link", sa.LargeBinary),
        sa.Column("decision", sa.Text),
        sa.Column("decided_ns", Big),
        sa.Column("actor", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_approvals"),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_approvals_delivery_id_deliveries"),
        sa.UniqueConstraint("link", name="uq_approvals_link"),
        comment="What somebody has to allow before it goes. "
        "link: SHA-256 of the secret in a link that may decide it once.",
    )


def downgrade() -> None:
    for name in ("approvals", "pauses", "destinations", "rule_texts", "index_manifests", "window_changes", "windows"):
        op.drop_table(name)
    for name in MADE_BY:
        op.drop_column("delivery_changes", name)
    op.drop_index("ix_deliveries_leased", "deliveries")
    op.drop_index("ix_deliveries_deployed", "deliveries")
    op.drop_index("ix_deliveries_trace", "deliveries")
    for name in ("confirm", *DELIVERY_COLUMNS):
        op.drop_column("deliveries", name)

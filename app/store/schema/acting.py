"""What the audit log leads to: promises, deliveries and their attempts."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from app.store.schema.base import Big, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("lane", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("not_before_ns", Big, nullable=False),
    Index("ix_outbox_lane", "lane", "id"),
    comment="A promise not yet handed on. subject: a change's id, or event:SEQ.",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_ns", Big, nullable=False),
    Column("expires_ns", Big, nullable=False),
    Column("next_attempt_ns", Big),
    Column("tries", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("leased_until_ns", Big, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("redelivery_of", Text),
    Column("registry", Text),  # registry, repository and digest are those of a deploy
    Column("repository", Text),
    Column("digest", Text),
    Column("trace_id", Text),
    Column("headers", Text),
    Column("query", Text),
    Column("confirm", Boolean, nullable=False, server_default=false()),  # whether its registry is asked first
    Column("held_ns", Big),  # since when it may not go yet; while it is held it doesn't expire
    Index("ix_deliveries_trace", "trace_id"),
    Index(
        "ix_deliveries_deployed",
        "destination",
        "registry",
        "repository",
        "made_ns",
        sqlite_where=text("purpose = 'deploy'"),
        postgresql_where=text("purpose = 'deploy'"),
    ),
    Index("ix_deliveries_made", "made_ns", "id"),
    Index(
        "ix_deliveries_dead",
        "made_ns",
        "id",
        "destination",
        sqlite_where=text("status = 'dead'"),
        postgresql_where=text("status = 'dead'"),
    ),
    Index(
        "ix_deliveries_due",
        "destination",
        "next_attempt_ns",
        sqlite_where=text("next_attempt_ns IS NOT NULL"),
        postgresql_where=text("next_attempt_ns IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_leased",
        "destination",
        "leased_until_ns",
        sqlite_where=text("leased_until_ns > 0"),
        postgresql_where=text("leased_until_ns > 0"),
    ),
    comment="A message for one destination; id and body never change (decision 12).",
)

delivery_changes = Table(
    "delivery_changes",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("delivery_id", Text, ForeignKey("deliveries.id"), nullable=False),
    Column("registry", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("tag", Text),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("rule", Text),
    Column("rule_version", Text),
    Index("ix_delivery_changes_delivery", "delivery_id"),
    comment="Which change or event a delivery tells, as it was when told; each (subject, destination) once.",
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("fence", Integer, primary_key=True, autoincrement=False),
    Column("cause", Text, nullable=False),
    Column("started_ns", Big, nullable=False),
    Column("duration_ns", Big, nullable=False),
    Column("status", Integer),
    Column("detail", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    comment="One try of a delivery, and what the destination said (cut).",
)

windows = Table(
    "windows",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("destination", Text, nullable=False),
    Column("registry", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("opened_ns", Big, nullable=False),
    Column("closes_ns", Big, nullable=False),
    UniqueConstraint("destination", "registry", "repository"),
    Index("ix_windows_closes", "closes_ns"),
    comment="What waits until nothing more comes; a channel's are about all registries and repositories ('').",
)

window_changes = Table(
    "window_changes",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("window_id", Big, ForeignKey("windows.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Index("ix_window_changes_window", "window_id"),
    comment="A change or event that a rule sends to a destination, while its window is open.",
)

index_manifests = Table(
    "index_manifests",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("manifest", Text, primary_key=True),
    comment="What an index consists of, as its registry said when asked. One without any has a row with ''.",
)

rule_texts = Table(
    "rule_texts",
    metadata,
    Column("version", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("first_ns", Big, nullable=False),
    comment="A rule as it was written when it made a delivery.",
)

destinations = Table(
    "destinations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since_ns", Big, nullable=False),
    Column("reason", Text),
    Column("failures", Integer, nullable=False),
    Column("failing_since_ns", Big),
    Column("not_before_ns", Big, nullable=False),
    comment="How a destination does: open, backing off or disabled; nothing is sent to it before not_before_ns.",
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("since_ns", Big, nullable=False),
    Column("until_ns", Big),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    comment="What an operator holds back: everything, rule:NAME or a destination.",
)

approvals = Table(
    "approvals",
    metadata,
    Column("delivery_id", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("asked_ns", Big, nullable=False),
    Column("deadline_ns", Big, nullable=False),
    Column("link", LargeBinary),
    Column("decision", Text),
    Column("decided_ns", Big),
    Column("actor", Text),
    Column("note", Text),
    UniqueConstraint("link"),
    comment="What somebody has to allow before it goes. link: SHA-256 of the secret in a link that may decide it once.",
)

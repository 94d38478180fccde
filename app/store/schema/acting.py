"""What the audit log leads to: promises, deliveries and their attempts."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

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
    Index("ix_deliveries_made", "made_ns", "id"),
    Index("ix_deliveries_due", "destination", "next_attempt_ns",
          sqlite_where=text("next_attempt_ns IS NOT NULL"), postgresql_where=text("next_attempt_ns IS NOT NULL")),
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

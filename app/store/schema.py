"""The tables (DESIGN §4). Times are nanoseconds since 1970 in UTC; digests, kinds and states are text."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.store.dialect import RELEASES

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")
"""SQLite has 64-bit integers under one name, and only INTEGER PRIMARY KEY is its row id."""

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Big, nullable=False),
    Column("chain", LargeBinary),  # NULL: there is no link yet
    comment="One row: the last seq given out. Its lock makes ingest serial (decision 2).",
)

origins = Table(
    "origins",
    metadata,
    Column("name", Text, primary_key=True),
    Column("events", Big, nullable=False),
    Column("repeats", Big, nullable=False),
    Column("quarantined", Big, nullable=False),
    Column("last_received_ns", Big, nullable=False),
    Column("ignored", Big, nullable=False, server_default="0"),
    comment="What has come from each configured sender; counts only, no configuration.",
)

heard = Table(
    "heard",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    Column("after", Big, primary_key=True, autoincrement=False),
    Column("upto", Big, nullable=False),
    comment="Numbers of a journal that were told: after < n <= upto. What lies between two rows is a gap.",
)

events = Table(
    "events",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("scope", Text),
    Column("registry", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("tag", Text),
    Column("digest", Text),
    Column("media_type", Text),
    Column("size", Big),
    Column("from_repository", Text),
    Column("actor", Text),
    Column("time_ns", Big, nullable=False),
    Column("received_ns", Big, nullable=False),
    Column("sequence", Big, nullable=False),
    Column("host", Text),
    Column("request_id", Text),
    Column("request_addr", Text),
    Column("request_method", Text),
    Column("user_agent", Text),
    Column("source_addr", Text),
    Column("source_instance", Text),
    Column("flags", Text),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("origin", "event_id"),
    Index("ix_events_time", "time_ns", "seq"),
    Index("ix_events_pulls", "time_ns", "seq", sqlite_where=text("action = 'pull'"),
          postgresql_where=text("action = 'pull'")),
    Index("ix_events_repository_time", "registry", "repository", "time_ns", "seq"),
    Index("ix_events_digest", "digest", "time_ns", "seq", sqlite_where=text("digest IS NOT NULL"),
          postgresql_where=text("digest IS NOT NULL")),
    Index("ix_events_actor", "actor", "time_ns", "seq", sqlite_where=text("actor IS NOT NULL"),
          postgresql_where=text("actor IS NOT NULL")),
    Index("ix_events_history", "registry", "repository", "tag", "time_ns",
          sqlite_where=text("scope IS NOT NULL"), postgresql_where=text("scope IS NOT NULL")),
    comment="One registry fact, append-only, with its exact bytes.",
)

repositories = Table(
    "repositories",
    metadata,
    Column("registry", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("first_ns", Big, nullable=False),
    Column("first_seq", Big, nullable=False),
    Index("ix_repositories_first", "first_ns", "registry", "repository"),
    comment="Every repository that was told of, and the earliest event that did: by time, then by seq.",
)

actions = Table(
    "actions",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("time_ns", Big, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    comment="What an operator did, append-only; seq is shared with events.",
)

links = Table(
    "links",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("form", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("marks", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    comment="What binds each event and action to all before it; outlives them.",
)

tags = Table(
    "tags",
    metadata,
    Column("registry", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("digest", Text),
    Column("change_id", Text, nullable=False),
    Column("ambiguous", Boolean, nullable=False),
    Column("since_ns", Big, nullable=False),
    Column("last_ns", Big, nullable=False),
    Index("ix_tags_digest", "digest", sqlite_where=text("digest IS NOT NULL"),
          postgresql_where=text("digest IS NOT NULL")),
    comment="What a tag points to now; no digest is a tombstone.",
)

changes = Table(
    "changes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("registry", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("time_ns", Big, nullable=False),
    Column("sequence", Big, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("actor", Text),
    Column("provenance", Text, nullable=False),
    Column("voided_by", Text),
    Column("fan_out", Text, nullable=False),
    Column("recorded_ns", Big, nullable=False),
    Column("altered_seq", Big, nullable=False, server_default="0"),  # of the event that wrote or last altered it
    Index("ix_changes_altered", "altered_seq"),
    Index("ix_changes_tag_time", "registry", "repository", "tag", "time_ns"),
    Index("ix_changes_repository_time", "registry", "repository", "time_ns"),
    Index("ix_changes_time", "time_ns", "id"),
    Index("ix_changes_after", "after", "registry", "repository"),
    Index("ix_changes_releases", "time_ns", sqlite_where=text(RELEASES["sqlite"].format("")),
          postgresql_where=text(RELEASES["postgresql"].format(""))),
    comment="One line of history (decision 8). fan_out: pending, done, or superseded and why.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("received_ns", Big, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("content_type", Text),
    Column("headers", Text),
    Column("length", Big, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("resolved_ns", Big),
    Index("ix_quarantine_received", "received_ns", "id"),
    comment="A body that could not be read (or its first part), with why.",
)

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

tokens = Table(
    "tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret_sha256", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("scope", Text),
    Column("made_ns", Big, nullable=False),
    Column("expires_ns", Big),
    Column("revoked_ns", Big),
    Column("last_used_ns", Big),
    comment="Who may ask. No scope is everything. A revoked one stays: its name in the records means nobody else.",
)

journal_head = Table(
    "journal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("journal", Text, nullable=False),
    Column("seq", Big, nullable=False),
    comment="One row: this journal's name and the last number given out; its lock orders settling.",
)

journal = Table(
    "journal",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("operation", Text, nullable=False),
    Column("seq", Big),
    Column("repository", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("media_type", Text),
    Column("fact", LargeBinary, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("opened_ns", Big, nullable=False),
    Index("uq_journal_seq", "seq", unique=True, sqlite_where=text("seq IS NOT NULL"),
          postgresql_where=text("seq IS NOT NULL")),
    Index("ix_journal_open", "operation", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
    comment="Our registry's own events; without a seq it is an intent that nobody has settled yet (decision 13).",
)

cursors = Table(
    "cursors",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("seq", Big, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_try_ns", Big, nullable=False),
    Column("leased_until_ns", Big, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("last_answer", Text),
    comment="How far each notification endpoint has come in the journal, and who is sending to it now.",
)

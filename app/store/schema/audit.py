"""The audit log: what was told, the history made of it, and what binds both."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from app.store.dialect import NO_PULL, RARE, RELEASES, SLOW
from app.store.schema.base import Big, InBytes, Packed, metadata

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
    Column("origin", InBytes, nullable=False),
    Column("event_id", InBytes, nullable=False),
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
    Column("raw", Packed, nullable=False),
    UniqueConstraint("origin", "event_id"),
    Index("ix_events_time", "time_ns"),  # and seq: SQLite has it in every index, PostgreSQL sorts the few of an instant
    Index("ix_events_pulls", "time_ns", sqlite_where=text("action = 'pull'"), postgresql_where=text("action = 'pull'")),
    Index("ix_events_origin", "origin", "time_ns"),
    Index("ix_events_action", "action", "time_ns", sqlite_where=text(NO_PULL), postgresql_where=text(NO_PULL)),
    Index("ix_events_repository_time", "registry", "repository", "time_ns"),
    Index("ix_events_digest", "digest", "time_ns", sqlite_where=text("digest IS NOT NULL"),
          postgresql_where=text("digest IS NOT NULL")),
    Index("ix_events_actor", "actor", "time_ns", sqlite_where=text("actor IS NOT NULL"),
          postgresql_where=text("actor IS NOT NULL")),
    Index("ix_events_history", "registry", "repository", "tag", "time_ns", "received_ns",
          sqlite_where=text("scope IS NOT NULL"), postgresql_where=text("scope IS NOT NULL")),
    Index("ix_events_slow", "registry", "repository", "received_ns", "tag", "time_ns", sqlite_where=text(SLOW),
          postgresql_where=text(SLOW)),
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
    Column("event_id", InBytes, nullable=False),
    Column("origin", InBytes, nullable=False),
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
    Index("ix_changes_actor", "actor", "time_ns", sqlite_where=text("actor IS NOT NULL"),
          postgresql_where=text("actor IS NOT NULL")),
    Index("ix_changes_kind", "kind", "time_ns", sqlite_where=text(RARE), postgresql_where=text(RARE)),
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

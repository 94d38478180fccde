"""Our own registry's events, and how far each endpoint has come."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, text

from app.store.schema.base import Big, metadata

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
    Column("extra", LargeBinary),
    Column("opened_ns", Big, nullable=False),
    Index(
        "uq_journal_seq",
        "seq",
        unique=True,
        sqlite_where=text("seq IS NOT NULL"),
        postgresql_where=text("seq IS NOT NULL"),
    ),
    Index("ix_journal_open", "operation", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
    comment="Our registry's own events; without a seq it is an intent that nobody has settled yet (decision 13).",
)

cursors = Table(
    "cursors",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("seq", Big, nullable=False),
    Column("told", Big, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False),
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("next_try_ns", Big, nullable=False),
    Column("leased_until_ns", Big, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("last_answer", Text),
    comment="How far each notification endpoint has come in the journal, and who is sending to it now.",
)

parked = Table(
    "parked",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("previous", Big, nullable=False),
    Column("reason", Text, nullable=False),
    Column("parked_ns", Big, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("announced", Boolean, nullable=False),
    Index("ix_parked_again", "endpoint", "seq", sqlite_where=text("again = 1"), postgresql_where=text("again")),
    Index(
        "ix_parked_unannounced",
        "endpoint",
        "seq",
        sqlite_where=text("announced IS 0"),
        postgresql_where=text("announced IS FALSE"),
    ),
    comment="Events beside an endpoint's order: what it refused, and what it is to be sent again.",
)

linked = Table(
    "linked",
    metadata,
    Column("digest", Text, primary_key=True),
    comment="Empty unless a collection is under way: '', and what repositories began to refer to since it began.",
)

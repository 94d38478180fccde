"""Who may ask."""

from sqlalchemy import Column, Table, Text

from app.store.schema.base import Big, metadata

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

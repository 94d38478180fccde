"""The tables (DESIGN §4). Times are nanoseconds since 1970 in UTC; digests, kinds and states are text."""

from app.store.schema.access import tokens
from app.store.schema.acting import attempts, deliveries, delivery_changes, outbox
from app.store.schema.audit import actions, changes, events, head, heard, links, origins, quarantine, repositories, tags
from app.store.schema.base import metadata
from app.store.schema.registry import cursors, journal, journal_head

__all__ = [
    "actions",
    "attempts",
    "changes",
    "cursors",
    "deliveries",
    "delivery_changes",
    "events",
    "head",
    "heard",
    "journal",
    "journal_head",
    "links",
    "metadata",
    "origins",
    "outbox",
    "quarantine",
    "repositories",
    "tags",
    "tokens",
]

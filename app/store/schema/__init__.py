"""The tables (DESIGN §4). Times are nanoseconds since 1970 in UTC; digests, kinds and states are text."""

from app.store.schema.access import tokens
from app.store.schema.acting import (
    approvals,
    attempts,
    deliveries,
    delivery_changes,
    destinations,
    index_manifests,
    outbox,
    pauses,
    rule_texts,
    window_changes,
    windows,
)
from app.store.schema.audit import actions, changes, events, head, heard, links, origins, quarantine, repositories, tags
from app.store.schema.base import metadata
from app.store.schema.registry import cursors, journal, journal_head, linked, parked

__all__ = [
    "actions",
    "approvals",
    "attempts",
    "changes",
    "cursors",
    "deliveries",
    "delivery_changes",
    "destinations",
    "events",
    "head",
    "heard",
    "index_manifests",
    "journal",
    "journal_head",
    "linked",
    "links",
    "metadata",
    "origins",
    "outbox",
    "parked",
    "pauses",
    "quarantine",
    "repositories",
    "rule_texts",
    "tags",
    "tokens",
    "window_changes",
    "windows",
]

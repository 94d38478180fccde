"""What became of one change or event: the messages that tell it, and those that wait to be made."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.store.schema import deliveries, delivery_changes, window_changes


@dataclass(frozen=True, slots=True)
class ToldWhere:
    """`delivery` is None while it waits in a settle window for more to come."""

    destination: str
    rule: str | None
    rule_version: str | None
    delivery: str | None
    status: str
    reason: str | None


def told_where(connection: Connection, subject: str) -> list[ToldWhere]:
    """By destination. `subject`: a change's id, or event:SEQ."""
    links, waiting = delivery_changes.c, window_changes.c
    told = (
        select(links.destination, links.rule, links.rule_version, deliveries.c.id, deliveries.c.status,
               deliveries.c.reason)
        .join(deliveries, deliveries.c.id == links.delivery_id)
        .where(links.subject == subject)
    )  # fmt: skip
    still = select(waiting.destination, waiting.rule, waiting.rule_version).where(waiting.subject == subject)
    found = [ToldWhere(*row) for row in connection.execute(told)]
    found += [ToldWhere(*row, None, "settling", None) for row in connection.execute(still)]
    return sorted(found, key=lambda one: one.destination)

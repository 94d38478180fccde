"""How deploys ended, for those who tell of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from app.store.schema import attempts, deliveries, delivery_changes

_TAGS_MAX = 100


@dataclass(frozen=True, slots=True)
class EndedDeploy:
    """`tags` are those that it was for, the first with what it had `before` and the change's id (`subject`).

    `rules` are those by which the tags came to it; `rule` is the first tag's.
    `ended_ns` is when its last attempt was over, or when the delivery was made if nothing was sent.
    """

    id: str
    destination: str
    rule: str
    tries: int
    reason: str | None
    last_detail: str | None
    registry: str
    repository: str
    digest: str
    ended_ns: int
    tags: tuple[str, ...]
    before: str
    subject: str | None
    rules: tuple[str, ...]
    trace_id: str | None


def ended(connection: Connection, ids: Collection[str]) -> dict[str, EndedDeploy]:
    """Of deliveries that deploy."""
    query = select(deliveries).where(deliveries.c.id.in_(list(ids)), deliveries.c.digest.is_not(None))
    found = connection.execute(query).all()
    last = _last_attempts(connection, ids)
    told = _told(connection, {row.redelivery_of or row.id: row.digest for row in found})
    ends = {}
    for row in found:
        ended_ns, detail = last.get(row.id, (row.made_ns, None))
        tags, before, subject, rules = told.get(row.redelivery_of or row.id, ((), "unknown", None, ()))
        ends[row.id] = EndedDeploy(
            row.id, row.destination, row.rule, row.tries, row.reason, detail, row.registry, row.repository, row.digest,
            ended_ns, tags, before, subject, rules, row.trace_id,
        )  # fmt: skip
    return ends


def _last_attempts(connection: Connection, ids: Collection[str]) -> Mapping[str, tuple[int, str]]:
    """When the last attempt of each was over, and what came of it."""
    newest = (
        select(attempts.c.delivery_id, func.max(attempts.c.fence).label("fence"))
        .where(attempts.c.delivery_id.in_(list(ids)))
        .group_by(attempts.c.delivery_id)
        .subquery()
    )
    query = select(attempts).join(
        newest, (attempts.c.delivery_id == newest.c.delivery_id) & (attempts.c.fence == newest.c.fence)
    )
    rows = connection.execute(query)
    return {row.delivery_id: (row.started_ns + row.duration_ns, row.detail) for row in rows}


def _told(
    connection: Connection, digests: Mapping[str, str]
) -> Mapping[str, tuple[tuple[str, ...], str, str, tuple[str, ...]]]:
    """By delivery: the tags for whose digest it is, what the first had before, the change of that, and all rules."""
    query = (
        select(delivery_changes)
        .where(delivery_changes.c.delivery_id.in_(list(digests)), delivery_changes.c.tag.is_not(None))
        .order_by(delivery_changes.c.tag)
    )
    rows = [row for row in connection.execute(query) if row.after == digests[row.delivery_id]]
    found: dict[str, tuple[tuple[str, ...], str, str, tuple[str, ...]]] = {}
    for row in rows:
        tags, before, subject, rules = found.get(row.delivery_id, ((), row.before, row.subject, ()))
        led = rules if row.rule in (None, *rules) else (*rules, row.rule)
        found[row.delivery_id] = ((*tags, row.tag)[:_TAGS_MAX], before, subject, led)
    return found

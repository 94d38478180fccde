"""History as it was known at a moment: folded again from the events that had been received by then.

What is written of the history can't tell that: a late event may have rewritten it. It costs what the events of the
tags in question cost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, select, tuple_

from app.domain.access import AccessScope
from app.domain.changes import ABSENT, UNKNOWN, Change, Kind, TagKey, TagState, fold
from app.domain.events import Order, Scope, TagEvent
from app.domain.names import referred_by, release_like
from app.domain.text import storable
from app.store import events as stored
from app.store.dialect import listed, one_of, row_of, rows
from app.store.queries.changes import KEY, ChangeFilter, ChangeLine
from app.store.queries.conditions import in_repository, in_scope, named, storable_ns
from app.store.queries.paging import Page, Paging, newest
from app.store.schema import changes, events

AT_ONCE = 100
_KEY = (events.c.registry, events.c.repository, events.c.tag)


@dataclass(frozen=True, slots=True)
class Names:
    """Which tags: None means any, `repository` and `tag` may be patterns."""

    registry: str | None
    repository: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class KnownTag:
    """What was known of a tag: its lines in their order, and the events that name it."""

    key: TagKey
    lines: tuple[Change, ...]
    told: tuple[TagEvent, ...]

    def at(self, at_ns: int) -> Change | None:
        """The line that says what the tag was at a moment."""
        return next((line for line in reversed(self.lines) if line.order.time_ns <= at_ns), None)

    def after(self, at_ns: int) -> Change | None:
        """The first line behind a moment."""
        return next((line for line in self.lines if line.order.time_ns > at_ns), None)

    def ambiguous(self, at_ns: int) -> bool:
        """Whether the last instant of news by then told of two digests, and no wider removal came after it."""
        instant = max((event.order.time_ns for event in self.told if event.order.time_ns <= at_ns), default=None)
        line = self.at(at_ns)
        if instant is None or line is None or line.order.time_ns > instant:
            return False
        pushed = {event.digest for event in self.told if event.order.time_ns == instant and not event.order.sequence}
        return len(pushed - {None}) > 1


def every_tag(connection: Connection, scope: AccessScope, names: Names, known_ns: int) -> Iterator[KnownTag]:
    """All tags of which something had been told, in the order of their keys."""
    last: TagKey | None = None
    while keys := tag_keys(connection, scope, names, last):
        yield from fold_tags(connection, scope, keys, known_ns)
        last = keys[-1]


def tag_keys(connection: Connection, scope: AccessScope, names: Names, beyond: TagKey | None) -> list[TagKey]:
    """The next AT_ONCE tags of which anything was ever told."""
    query = select(*_KEY).where(
        events.c.scope.is_not(None),
        events.c.tag.is_not(None),
        *in_scope(events, scope),
        *in_repository(connection, events, names.registry, names.repository),
        *named(events.c.tag, names.tag),
    )
    if beyond is not None:
        query = query.where(
            events.c.registry >= beyond.registry,
            tuple_(*_KEY) > tuple_(beyond.registry, beyond.repository, beyond.tag),
        )
    return [TagKey(*row) for row in connection.execute(query.distinct().order_by(*_KEY).limit(AT_ONCE))]


def fold_tags(
    connection: Connection, scope: AccessScope, keys: Sequence[TagKey], known_ns: int
) -> list[KnownTag]:
    """Those of `keys` that may be seen and of which something had been told."""
    known_ns = storable_ns(known_ns)
    told = stored.of_tags(connection, [key for key in keys if scope.allows(key.registry, key.repository)], known_ns)
    wide = _wide(connection, told, known_ns)
    return [
        _fold(key, told[key], wide.get((key.registry, key.repository), [])) for key in keys if key in told
    ]


def _wide(
    connection: Connection, told: Mapping[TagKey, Sequence[TagEvent]], known_ns: int
) -> dict[tuple[str, str], list[TagEvent]]:
    repositories: dict[str, set[str]] = {}
    digests: dict[str, set[str]] = {}
    for key, own in told.items():
        repositories.setdefault(key.registry, set()).add(key.repository)
        digests.setdefault(key.registry, set()).update(event.digest for event in own if event.digest)
    return {
        (registry, repository): found
        for registry, names in repositories.items()
        for repository, found in stored.wide(connection, registry, names, digests[registry], known_ns).items()
    }


def _fold(key: TagKey, own: Sequence[TagEvent], wide: Sequence[TagEvent]) -> KnownTag:
    lines, _ = fold(key, TagState(), sorted((*own, *wide), key=lambda event: event.order))
    return KnownTag(key, tuple(lines), tuple(event for event in own if event.scope is Scope.TAG))


def page(
    connection: Connection, scope: AccessScope, asked: ChangeFilter, paged: tuple[int, Paging]
) -> Page[ChangeLine]:
    """Lines of history as they were known at a moment, newest first; void ones are not told. Raises CursorError."""
    known_ns, paging = paged
    names = Names(asked.registry, asked.repository, asked.tag)
    found = (
        ((*_order(line.order), line.id), line)
        for tag in every_tag(connection, scope, names, known_ns)
        for line in _asked_for(tag, asked)
    )
    shown = newest(found, (KEY, paging))
    return Page(tuple(change_lines(connection, scope, shown.items)), shown.next)


def _order(order: Order) -> tuple[int, int, str, str]:
    return order.time_ns, order.sequence, order.event_id, order.origin


def _asked_for(tag: KnownTag, asked: ChangeFilter) -> Iterator[Change]:
    lines = _moved_releases(tag) if asked.moved_releases else iter(tag.lines)
    return (line for line in lines if _fits(line, asked))


def _moved_releases(tag: KnownTag) -> Iterator[Change]:
    """Lines by which a tag that looks like a release came to another content than it had, removed in between or not."""
    if not release_like(tag.key.tag):
        return
    for before, line in pairwise(tag.lines):
        again = line.kind is Kind.RESTORED and before.before not in (line.after, UNKNOWN, ABSENT)
        if line.kind is Kind.MOVED or again:
            yield line


def _fits(line: Change, asked: ChangeFilter) -> bool:
    wanted = (
        (asked.kind, (line.kind.value,)),
        (asked.actor, (line.actor,)),
        (asked.origin, (line.order.origin,)),
        (asked.digest, (line.before, line.after)),
    )
    since_ns, until_ns = asked.since_ns, asked.until_ns
    in_time = (since_ns is None or line.order.time_ns >= since_ns) and (
        until_ns is None or line.order.time_ns < until_ns
    )
    return in_time and all(value is None or storable(value) in held for value, held in wanted)


def change_lines(connection: Connection, scope: AccessScope, made: Sequence[Change]) -> list[ChangeLine]:
    """Those that may be seen with what is written beside: where each came from, and what became of it."""
    found = [change for change in made if scope.allows(change.key.registry, change.key.repository)]
    if not found:
        return []
    written, told = _written(connection, found), _told(connection, found)
    return [
        _line(change, written.get(change.id, (None, None)), told.get((change.order.origin, change.order.event_id)))
        for change in found
    ]


def _written(connection: Connection, found: Sequence[Change]) -> dict[str, tuple[str, int]]:
    dialect = connection.dialect.name
    query = select(changes.c.id, changes.c.fan_out, changes.c.recorded_ns).where(one_of(dialect, changes.c.id, "ids"))
    stored_rows = connection.execute(query, {"ids": listed(dialect, (change.id for change in found))})
    return {row.id: (row.fan_out, row.recorded_ns) for row in stored_rows}


def _told(connection: Connection, found: Sequence[Change]) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    dialect = connection.dialect.name
    identity = (events.c.origin, events.c.event_id)
    query = select(*identity, events.c.request_addr, events.c.user_agent).where(row_of(dialect, identity))
    wanted = rows(dialect, [(change.order.origin, change.order.event_id) for change in found])
    return {(row.origin, row.event_id): (row.request_addr, row.user_agent) for row in connection.execute(query, wanted)}


def _line(
    change: Change, written: tuple[str | None, int | None], told: tuple[str | None, str | None] | None
) -> ChangeLine:
    key, order = change.key, change.order
    request_addr, user_agent = told or (None, None)
    return ChangeLine(
        id=change.id,
        time_ns=order.time_ns,
        kind=change.kind.value,
        registry=key.registry,
        repository=key.repository,
        tag=key.tag,
        before=change.before,
        after=change.after,
        actor=change.actor,
        origin=order.origin,
        event_id=order.event_id,
        provenance=change.provenance.value,
        voided_by=None,
        fan_out=written[0],
        recorded_ns=written[1],
        request_addr=request_addr,
        user_agent=user_agent,
        referrer=referred_by(key.tag),
    )

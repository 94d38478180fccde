"""The times in which tags pointed to a digest, as they are known now or were known at a moment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Select, func, select, true, tuple_

from app.domain.access import AccessScope
from app.domain.changes import Kind, TagKey
from app.domain.events import Scope
from app.domain.text import storable
from app.store.queries import known, moments
from app.store.queries.changes import IS_LINE, KEY, ORDER, same_tag
from app.store.queries.conditions import in_scope, latest, received_by
from app.store.queries.history import order
from app.store.queries.known import Known
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import AnyRow, Keyed, Page, Paging, encode, fetch, merged
from app.store.queries.tags import TagLine
from app.store.schema import changes, events


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a tag pointed to the digest, and who began it. `until_ns` None: it still does."""

    registry: str
    repository: str
    tag: str
    since_ns: int
    until_ns: int | None
    kind: str
    actor: str | None
    origin: str
    provenance: str


def periods(connection: Connection, scope: AccessScope, digest: str, paging: Paging) -> Page[Period]:
    """The one that began last first. Raises CursorError."""
    query = _begun(connection, scope, digest, None)
    return fetch(connection, query, KEY, paging, lambda row: _period(row, row.until_ns))


def as_known(
    connection: Connection, scope: AccessScope, asked: tuple[str, int], paging: Paging
) -> tuple[Page[TagLine], Page[Period]]:
    """The tags that pointed to the digest `asked`, as far as had been received by the moment `asked`, and its periods.

    Raises CursorError.
    """
    digest, known_ns = asked
    last = _told_of(connection, scope, digest, known_ns)
    if not last:
        return Page((), None), Page((), None)
    told = known.of_keys(connection, list(last), known_ns)
    written = fetch(connection, _begun(connection, scope, digest, told), KEY, paging, lambda row: _then(row, told))
    ever = merged(written, _folded(told, digest), (KEY, paging))
    return _tags(connection, scope, (digest, known_ns, last), paging.limit), ever


def _told_of(connection: Connection, scope: AccessScope, digest: str, known_ns: int) -> dict[TagKey, int]:
    """The tags that had been told to point to `digest`, each with the last time of that."""
    place = (events.c.registry, events.c.repository, events.c.tag)
    told = [events.c.digest == digest, events.c.scope == Scope.TAG.value, *received_by(known_ns)]
    query = select(*place, func.max(events.c.time_ns)).where(*told, *in_scope(events, scope)).group_by(*place)
    return {TagKey(*names): last_ns for *names, last_ns in connection.execute(query.order_by(*place))}


def _begun(connection: Connection, scope: AccessScope, digest: str, told: Known | None) -> Select[Any]:
    """The lines that lead to `digest`, each with the time of the tag's next one."""
    later, dialect = changes.alias("later"), connection.dialect.name
    known_too = [true(), true()] if told is None else [told.written(dialect, table) for table in (changes, later)]
    ended = select(func.min(later.c.time_ns)).where(
        same_tag(later, changes),
        later.c.kind != Kind.VOID.value,
        later.c.time_ns >= changes.c.time_ns,
        tuple_(*(later.c[column.name] for column in ORDER)) > tuple_(*ORDER),
        known_too[1],
    )
    return select(changes, ended.scalar_subquery().label("until_ns")).where(
        changes.c.after == storable(digest), IS_LINE, known_too[0], *in_scope(changes, scope)
    )


def _then(row: AnyRow, told: Known) -> Keyed[Period]:
    key, until_ns = TagKey(row.registry, row.repository, row.tag), row.until_ns
    if until_ns is None and key in told.folded:
        until_ns = told.after(key, row.time_ns)
    return KEY.of(row), _period(row, until_ns)


def _period(row: AnyRow, until_ns: int | None) -> Period:
    values = (row.registry, row.repository, row.tag, row.time_ns, until_ns)
    return Period(*values, row.kind, row.actor, row.origin, row.provenance)


def _folded(told: Known, digest: str) -> Iterator[Keyed[Period]]:
    for key in told.folded:
        for line, following in pairwise([*(line for _, line in told.lines(key)), None]):
            if line is not None and line.after == digest:
                values = (key.registry, key.repository, key.tag, line.order.time_ns)
                until_ns = following.order.time_ns if following else None
                yield order(line), Period(
                    *values, until_ns, line.kind.value, line.actor, line.order.origin, line.provenance.value
                )


def _tags(
    connection: Connection, scope: AccessScope, told: tuple[str, int, Mapping[TagKey, int]], limit: int
) -> Page[TagLine]:
    digest, known_ns, last = told
    found = moments.of_keys(connection, scope, last, MomentFilter(latest(known_ns), known_ns=known_ns))
    lines = [
        TagLine(
            registry=one.registry, repository=one.repository, tag=one.tag, digest=digest, since_ns=change.time_ns,
            last_ns=last[TagKey(one.registry, one.repository, one.tag)], ambiguous=one.ambiguous, change_id=change.id,
            kind=change.kind, actor=change.actor, origin=change.origin, referrer=change.referrer,
        )
        for one in found if (change := one.change) is not None and one.digest == digest
    ]  # fmt: skip
    shown = lines[:limit]
    following = encode([shown[-1].registry, shown[-1].repository, shown[-1].tag]) if len(lines) > limit else None
    return Page(tuple(shown), following)

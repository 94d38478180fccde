"""History as it was known at a moment.

What is written tells it, but for what came later and tells of earlier: a line is as it was known if its event had been
received, and if nothing that came later stands before it. Tags of which something did are folded again, from the last
line that is sure on, with the events that had been received by then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    text,
    true,
    union,
)

from app.domain.access import AccessScope
from app.domain.changes import Change, Kind, TagKey, TagState, fold, state_before
from app.domain.events import Provenance, Scope, TagEvent
from app.domain.names import referred_by
from app.store import changes as written
from app.store import events as stored
from app.store.dialect import SLOW, SLOW_NS, listed, one_of, row_of, rows
from app.store.queries.changes import LINES, ChangeLine, line
from app.store.queries.conditions import in_repository, in_scope, latest, named, storable_ns
from app.store.queries.paging import AnyRow
from app.store.schema import changes, events, repositories

_BEGINNING_NS, _ALWAYS_NS = -(2**62), stored.ALWAYS_NS
_KEY = (events.c.registry, events.c.repository, events.c.tag)
_Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Names:
    """Which tags: None means any, `repository` and `tag` may be patterns."""

    registry: str | None
    repository: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which events tell of the tags that are asked for by name, and which of their repositories; `only`: what the first
    have beyond the second, as a filter.
    """

    own: _Conditions
    wide: _Conditions
    only: _Conditions


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at `at_ns` of some tags: what is written, but for `folded`.

    Those are tags whose written lines hold no longer from `from_ns` on; here are theirs, from the last one before that.
    """

    at_ns: int
    from_ns: int
    folded: Mapping[TagKey, tuple[Change, ...]]

    def written(self, dialect: str, table: FromClause) -> ColumnElement[bool]:
        """Which rows of `table`, changes under whatever name, were known as they are written."""
        told = events.alias()
        of_it = and_(told.c.origin == table.c.origin, told.c.event_id == table.c.event_id)
        in_time = table.c.time_ns <= latest(self.at_ns)
        return and_(
            in_time,
            exists().where(of_it, told.c.received_ns <= self.at_ns),
            or_(table.c.time_ns < self.from_ns, self.apart(dialect, table)),
        )

    def apart(self, dialect: str, table: FromClause) -> ColumnElement[bool]:
        """Which rows of `table` are not of a folded tag."""
        if not self.folded:
            return true()
        keys = [(key.registry, key.repository, key.tag) for key in self.folded]
        return not_(row_of(dialect, [table.c[name] for name in ("registry", "repository", "tag")], keys))

    def at(self, connection: Connection, key: TagKey, at_ns: int) -> Change | None:
        """The line that says where a folded tag pointed at a moment."""
        made = next((one for one in reversed(self.folded[key]) if one.order.time_ns <= at_ns), None)
        return made or written.last_by(connection, key, min(storable_ns(at_ns), self.from_ns - 1))

    def after(self, key: TagKey, at_ns: int) -> int | None:
        """When a folded tag first changed after a moment, as far as its folded lines tell."""
        return next((one.order.time_ns for one in self.folded[key] if one.order.time_ns > at_ns), None)

    def lines(self, key: TagKey) -> Iterator[tuple[Change | None, Change]]:
        """Each folded line of a tag from `from_ns` on, and the line before it."""
        for before, one in pairwise((None, *self.folded[key])):
            if one is not None and one.order.time_ns >= self.from_ns:
                yield before, one


def of_names(connection: Connection, scope: AccessScope, names: Names, known_ns: int) -> Known:
    """What had been received by `known_ns` of the tags that are asked for and may be seen."""
    in_place = [*in_scope(events, scope), *in_repository(connection, events, names.registry, names.repository)]
    own, only = named(events.c.tag, names.tag), named(events.c.tag.concat(""), names.tag)
    return _known(connection, _Asked([*in_place, *own], in_place, only), storable_ns(known_ns))


def of_keys(connection: Connection, keys: Sequence[TagKey], known_ns: int) -> Known:
    """The same of some tags, at least one."""
    dialect = connection.dialect.name
    names = [(key.registry, key.repository, key.tag) for key in keys]
    places = sorted({name[:2] for name in names})
    own, wide = row_of(dialect, _KEY, names), row_of(dialect, _KEY[:2], places)
    only = row_of(dialect, [*_KEY[:2], events.c.tag.concat("").label("tag")], names)
    return _known(connection, _Asked([own], [wide], [only]), storable_ns(known_ns))


def _known(connection: Connection, asked: _Asked, at_ns: int) -> Known:
    overtaken = _overtaken(connection, asked, at_ns)
    from_ns = min(overtaken.values(), default=0)
    return Known(at_ns, from_ns, {key: _folded(connection, key, from_ns, at_ns) for key in overtaken})


def _overtaken(connection: Connection, asked: _Asked, at_ns: int) -> dict[TagKey, int]:
    """The tags of which something that was received after `at_ns` may stand before something that had been received
    by then, each with the earliest time of what came after.

    What had been received of its repository stands for what had been of a tag: few tags too many cost little.
    """
    later = connection.execute(_later(asked, at_ns)).all()
    last = _last_known(connection, sorted({(row.registry, row.repository) for row in later}), at_ns)
    found: dict[TagKey, int] = {}
    for row in later:
        if row.time_ns <= last.get((row.registry, row.repository), _ALWAYS_NS):
            for key in _reached(connection, row, asked.own, at_ns):
                found[key] = min(row.time_ns, found.get(key, _ALWAYS_NS))
    return found


def _later(asked: _Asked, at_ns: int) -> Executable:
    """What was received after `at_ns`, and may have happened before something that had been received by then.

    Either it happened at most a minute before `at_ns`, or it is among the few that came late. Their time and tag are no
    bare columns, or databases would look for them in an index of all events.
    """
    what = select(*_KEY, events.c.scope, events.c.digest, events.c.time_ns).where(
        events.c.scope.is_not(None), events.c.received_ns > at_ns
    )
    near = events.c.time_ns.between(storable_ns(at_ns - SLOW_NS), latest(at_ns))
    slow = and_(text(SLOW), events.c.time_ns + 0 <= latest(at_ns))
    of_tag, of_place = events.c.tag.is_not(None), events.c.tag.is_(None)
    return union(
        what.where(*asked.own, of_tag, near), what.where(*asked.wide, *asked.only, of_tag, slow),
        what.where(*asked.wide, of_place, near), what.where(*asked.wide, of_place, slow),
    )  # fmt: skip


def _last_known(connection: Connection, places: Sequence[tuple[str, str]], at_ns: int) -> dict[tuple[str, str], int]:
    """By registry and repository, the last time of what had been received of its tags."""
    if not places:
        return {}
    place = (repositories.c.registry, repositories.c.repository)
    last = (
        select(events.c.time_ns)
        .where(events.c.registry == place[0], events.c.repository == place[1], events.c.scope.is_not(None))
        .where(events.c.time_ns <= latest(at_ns), events.c.received_ns <= at_ns)
        .order_by(events.c.time_ns.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(*place, func.coalesce(last, _BEGINNING_NS)).where(row_of(connection.dialect.name, place, places))
    return {(registry, repository): last_ns for registry, repository, last_ns in connection.execute(query)}


def _reached(connection: Connection, later: AnyRow, own: _Conditions, at_ns: int) -> list[TagKey]:
    """The tags that it may have altered: one, those that had been told to point to its digest, or a repository's."""
    if later.tag is not None:
        return [TagKey(later.registry, later.repository, later.tag)]
    told = [events.c.registry == later.registry, events.c.repository == later.repository, events.c.tag.is_not(None)]
    if later.scope == Scope.MANIFEST:
        told.append(events.c.digest == later.digest)
    query = select(*_KEY).where(*own, *told, events.c.scope.is_not(None), events.c.received_ns <= at_ns).distinct()
    return [TagKey(*row) for row in connection.execute(query)]


def _folded(connection: Connection, key: TagKey, from_ns: int, at_ns: int) -> tuple[Change, ...]:
    """The lines of a tag from the last one before `from_ns` on. What came after `at_ns` doesn't tell of earlier."""
    last_ns = written.last_time(connection, key, from_ns)
    since_ns = _BEGINNING_NS if last_ns is None else last_ns
    begin = written.first_at(connection, key, since_ns)
    state = TagState() if begin is None else state_before(begin)
    own = stored.of_tag(connection, key, since_ns, at_ns)
    digests = {event.digest for event in own if event.digest} | {state.points_to}
    wide = stored.wide(connection, key.registry, [key.repository], digests, at_ns).get(key.repository, [])
    about: Iterable[TagEvent] = (event for event in (*own, *wide) if event.order.time_ns >= since_ns)
    made, _ = fold(key, state, sorted(about, key=lambda event: event.order))
    return tuple(made)


COLUMNS = LINES.add_columns(events.c.scope)
"""As LINES, and what `as_known` needs."""


def as_known(connection: Connection, row: AnyRow, told: Known) -> ChangeLine:
    """A row of COLUMNS. A tag's own delete that follows a wider removal confirms it: it may have come later, and may
    have done so until something came that stands between them.
    """
    found = line(row)
    if row.scope is None or row.scope == Scope.TAG or found.kind != Kind.REMOVED:
        return found
    key = TagKey(found.registry, found.repository, found.tag)
    made = {change.id: change for change in told.folded.get(key, ())}
    if found.id not in made and found.provenance == Provenance.OBSERVED:
        made = {change.id: change for change in _folded(connection, key, found.time_ns, told.at_ns)}
    return replace(found, provenance=made[found.id].provenance.value) if found.id in made else found


def change_lines(connection: Connection, made: Sequence[Change]) -> list[ChangeLine]:
    """Folded lines with what is written beside: where each came from, and what became of it."""
    if not made:
        return []
    outcomes, told = _outcomes(connection, made), _told(connection, made)
    return [
        _line(change, outcomes.get(change.id, (None, None)), told.get((change.order.origin, change.order.event_id)))
        for change in made
    ]


def _outcomes(connection: Connection, found: Sequence[Change]) -> dict[str, tuple[str, int]]:
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
    change: Change, outcome: tuple[str | None, int | None], told: tuple[str | None, str | None] | None
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
        fan_out=outcome[0],
        recorded_ns=outcome[1],
        request_addr=request_addr,
        user_agent=user_agent,
        referrer=referred_by(key.tag),
    )

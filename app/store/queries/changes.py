"""The lines of history as people look them up, and what a tag pointed to at a moment."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    and_,
    func,
    or_,
    select,
    text,
    union,
)

from app.domain.access import AccessScope
from app.domain.changes import ABSENT, UNKNOWN, Kind, TagKey
from app.domain.events import Scope
from app.domain.names import RELEASE, referred_by
from app.domain.text import storable
from app.store.changes import altered_until
from app.store.dialect import RARE, RELEASES
from app.store.queries.conditions import equal, fetch_told, in_repository, in_scope, named, storable_ns, within
from app.store.queries.paging import AnyRow, Key, Page, Paging
from app.store.schema import changes, events


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """None means any; repository and tag may be patterns. `digest`: before or after. `since_ns` ≤ time < `until_ns`.

    `void`: void lines too. `moved_releases`: only where a tag that looks like a release came to another content.
    """

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    actor: str | None = None
    kind: str | None = None
    origin: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    void: bool = False
    moved_releases: bool = False


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One line of history. `before` and `after` are a digest, `absent`, or (before only) `unknown`.

    `request_addr` and `user_agent` are the event's; None too where the event is no longer kept. `fan_out` and
    `recorded_ns` are None where a line was never written, because its event came together with what altered it.
    `referrer`: the digest that a signature's or referrers' tag is about.
    """

    id: str
    time_ns: int
    kind: str
    registry: str
    repository: str
    tag: str
    before: str
    after: str
    actor: str | None
    origin: str
    event_id: str
    provenance: str
    voided_by: str | None
    fan_out: str | None
    recorded_ns: int | None
    request_addr: str | None
    user_agent: str | None
    referrer: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of a tag at a moment.

    `state` is `present` (`digest` says where it points), `absent`, or `not-known`: then `since_ns` is None and
    `until_ns` is the first knowledge. `change` is the line that began it, and `before` is what it pointed to until
    then. `until_ns` None: still so. `ambiguous`: that instant told of two digests, and only their order by id decided.
    """

    registry: str
    repository: str
    tag: str
    at_ns: int
    state: Literal["present", "absent", "not-known"]
    digest: str | None
    since_ns: int | None
    until_ns: int | None
    ambiguous: bool
    change: ChangeLine | None


_FROM_EVENT = ("request_addr", "user_agent")
_NAMES = tuple(name for name in ChangeLine.__dataclass_fields__ if name != "referrer")
LINES = select(
    *(events.c[name] if name in _FROM_EVENT else changes.c[name] for name in _NAMES), changes.c.sequence
).select_from(
    changes.outerjoin(events, and_(events.c.origin == changes.c.origin, events.c.event_id == changes.c.event_id))
)
ORDER = (changes.c.time_ns, changes.c.sequence, changes.c.event_id, changes.c.origin)
"""Decision 5; one event may change several tags, so the id goes with it where there is more than one."""
KEY = Key((*ORDER, changes.c.id))
RARE_KINDS = (Kind.REMOVED.value, Kind.RESTORED.value, Kind.VOID.value)
IS_LINE = changes.c.kind != Kind.VOID.value


def page(connection: Connection, scope: AccessScope, asked: ChangeFilter, paging: Paging) -> Page[ChangeLine]:
    """Changes, newest first. Raises CursorError."""
    query = LINES.where(*wanted(connection, asked))
    return fetch_told(connection, scope, query, (asked, KEY, paging), line)


def altered(
    connection: Connection, scope: AccessScope, asked: ChangeFilter, after_seq: int, most: int
) -> tuple[int, list[tuple[int, ChangeLine]]]:
    """How far was looked, and (seq of the event that wrote or last altered it, change) behind `after_seq`, in order.

    About `most` are looked at, with all that one event altered together. Void lines come too, whatever is asked:
    somebody may have seen them.
    """
    until = altered_until(connection, after_seq, most)
    query = LINES.add_columns(changes.c.altered_seq).where(
        changes.c.altered_seq > after_seq,
        changes.c.altered_seq <= until,
        *in_scope(changes, scope),
        *in_repository(connection, changes, asked.registry, asked.repository),
        *named(changes.c.tag, asked.tag),
        *wanted(connection, replace(asked, void=True)),
    )
    rows = connection.execute(query.order_by(changes.c.altered_seq, changes.c.id))
    return until, [(row.altered_seq, line(row)) for row in rows]


def wanted(connection: Connection, asked: ChangeFilter) -> list[Any]:
    """What is asked for besides the repository and the tag."""
    conditions: list[Any] = [
        *equal(changes, asked, ("actor", "kind", "origin")),
        *within(changes.c.time_ns, asked.since_ns, asked.until_ns),
    ]
    if asked.kind in RARE_KINDS:
        conditions.append(text(RARE))
    if asked.digest is not None:
        conditions.append(changes.c.id.in_(_about(storable(asked.digest))))
    if not asked.void and asked.kind != Kind.VOID.value:
        conditions.append(IS_LINE)
    if asked.moved_releases:
        conditions += _moved_release(connection)
    return conditions


def _moved_release(connection: Connection) -> list[Any]:
    """A tag that looks like a release points elsewhere, be it that it was removed in between."""
    removal = changes.alias("removal")
    before = (
        select(removal.c.before)
        .where(same_tag(removal, changes), removal.c.kind == Kind.REMOVED.value, removal.c.time_ns <= changes.c.time_ns)
        .order_by(*(removal.c[column.name].desc() for column in ORDER))
        .limit(1)
        .scalar_subquery()
    )
    elsewhere = and_(before != changes.c.after, before != UNKNOWN)
    return [
        text(RELEASES[connection.dialect.name].format("changes.")),
        changes.c.tag.regexp_match(rf"\A{RELEASE}\Z"),
        or_(changes.c.kind == Kind.MOVED.value, elsewhere),
    ]


def same_tag(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in ("registry", "repository", "tag")))


def _about(digest: str) -> CompoundSelect[Any]:
    """Ids of the changes to or from `digest`. What leads away is on a tag that was once led there, which is indexed."""
    to, away = changes.alias("to_it"), changes.alias("away")
    led = select(to.c.registry, to.c.repository, to.c.tag).where(to.c.after == digest).distinct().subquery("led")
    on_tag = and_(away.c.registry == led.c.registry, away.c.repository == led.c.repository, away.c.tag == led.c.tag)
    return union(
        select(to.c.id).where(to.c.after == digest), select(away.c.id).join(led, on_tag).where(away.c.before == digest)
    )


def at(connection: Connection, scope: AccessScope, key: TagKey, at_ns: int) -> Moment | None:
    """What is known of a tag at a moment; None if it has no history, or none that may be seen."""
    if not scope.allows(key.registry, key.repository):
        return None
    at_ns = storable_ns(at_ns)
    on_tag = (*equal(changes, key, ("registry", "repository", "tag")), IS_LINE)
    newest_first = [column.desc() for column in ORDER]
    began = connection.execute(
        LINES.where(*on_tag, changes.c.time_ns <= at_ns).order_by(*newest_first).limit(1)
    ).one_or_none()
    ended = select(func.min(changes.c.time_ns)).where(*on_tag, changes.c.time_ns > at_ns)
    ended_ns = connection.execute(ended).scalar()
    if began is None:
        return None if ended_ns is None else moment(key, at_ns, ended_ns, None, ambiguous=False)
    change = line(began)
    ambiguous = _ambiguous(connection, key, change.time_ns, at_ns)
    return moment(key, at_ns, ended_ns, change, ambiguous=ambiguous)


def moment(key: TagKey, at_ns: int, until_ns: int | None, change: ChangeLine | None, *, ambiguous: bool) -> Moment:
    """What `change` (None: nothing yet), the tag's last by `at_ns`, and the next one at `until_ns` make known."""
    name = (key.registry, key.repository, key.tag)
    if change is None:
        return Moment(*name, at_ns, "not-known", None, None, until_ns, False, None)
    digest = None if change.after == ABSENT else change.after
    state: Literal["present", "absent"] = "absent" if digest is None else "present"
    return Moment(*name, at_ns, state, digest, change.time_ns, until_ns, ambiguous, change)


def _ambiguous(connection: Connection, key: TagKey, changed_ns: int, at_ns: int) -> bool:
    """Whether the last instant of news by `at_ns` told of two digests, and no wider removal came after it."""
    news = (
        *equal(events, key, ("registry", "repository", "tag")),
        events.c.scope == Scope.TAG.value,
    )
    last_ns = connection.execute(select(func.max(events.c.time_ns)).where(*news, events.c.time_ns <= at_ns)).scalar()
    if last_ns is None or changed_ns > last_ns:
        return False
    pushed = select(func.count(events.c.digest.distinct())).where(
        *news, events.c.time_ns == last_ns, events.c.sequence == 0
    )
    return connection.execute(pushed).scalar_one() > 1


def line(row: AnyRow) -> ChangeLine:
    return ChangeLine(**{name: row._mapping[name] for name in _NAMES}, referrer=referred_by(row.tag))

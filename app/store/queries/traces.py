"""What became of an event, from the push to the last message; found by anything that names a part of it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from app.domain.access import AccessScope
from app.domain.asking import resolved_id
from app.domain.deliveries import Status
from app.domain.digests import is_digest
from app.domain.origins import ASKING
from app.domain.text import storable
from app.domain.traces import Step, Trace, in_line, root, trace_id
from app.store import actions
from app.store.queries import deliveries as delivery_queries
from app.store.queries import events as event_queries
from app.store.queries import trace_steps as steps
from app.store.queries.conditions import in_scope
from app.store.queries.deliveries import DeliveryStory
from app.store.queries.events import EventLine
from app.store.queries.paging import AnyRow
from app.store.schema import changes, deliveries, delivery_changes, events, links, origins, window_changes, windows

MOST = 20
"""Traces in one answer: of a digest, or of a delivery that tells of many events."""
_SEQ = re.compile(r"(?:event:)?([0-9]{1,18})\Z")
_LINK_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Traces:
    """The newest first. `more`: there are others, of older events."""

    traces: tuple[Trace, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class _Root:
    """Where a trace begins, and where its changes are found."""

    origin: str
    event_id: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    time_ns: int


_EVENT = [events.c[name] for name in ("origin", "event_id", "registry", "repository", "tag", "digest", "time_ns")]
_CHANGE = [changes.c[name] for name in ("origin", "event_id", "registry", "repository", "tag", "time_ns")]


def find(connection: Connection, scope: AccessScope, asked: str) -> Traces | None:
    """Of a digest, an event (id or seq), a change, a delivery or a trace id; None where nothing may be seen of it."""
    roots = sorted(_roots(connection, scope, storable(asked)), key=lambda one: one.time_ns, reverse=True)
    if not roots:
        return None
    return Traces(tuple(_trace(connection, scope, one) for one in roots[:MOST]), more=len(roots) > MOST)


def _roots(connection: Connection, scope: AccessScope, asked: str) -> Collection[_Root]:
    if is_digest(asked) and not _SEQ.match(asked):
        found = _of_digest(connection, scope, asked)
    else:
        subjects = [asked, *_told_by(connection, scope, asked)]
        found = [*_of_event(connection, scope, asked), *_of_subjects(connection, scope, subjects)]
        found += _of_trace(connection, scope, asked)
    return {(one.origin, one.event_id): one for one in reversed(found)}.values()


def _told_by(connection: Connection, scope: AccessScope, identity: str) -> list[str]:
    """What a delivery tells; of one that is about another delivery, what that one tells.

    A redeploy's tells of the change that its digest is known from.
    """
    story = delivery_queries.one(connection, scope, identity)
    told = [] if story is None else [line.subject for line in story.delivery.tells]
    told += [actions.get(connection, int(one[9:])).detail["change_id"] for one in told if one.startswith("redeploy:")]
    about = [subject.split(":")[1] for subject in told if subject.startswith(("delivery:", "approval:"))]
    return [*told, *(subject for one in about if one != identity for subject in _told_by(connection, scope, one))]


def _of_digest(connection: Connection, scope: AccessScope, digest: str) -> list[_Root]:
    told = select(*_EVENT).where(events.c.digest == digest, events.c.action != "pull", *in_scope(events, scope))
    led = select(*_CHANGE, changes.c.after.label("digest")).where(changes.c.after == digest, *in_scope(changes, scope))
    newest = [told.order_by(events.c.time_ns.desc(), events.c.seq.desc()), led.order_by(changes.c.time_ns.desc())]
    return [one for query in newest for one in _begun(connection, query.limit(MOST + 1))]


def _of_event(connection: Connection, scope: AccessScope, event_id: str) -> list[_Root]:
    """Origins are named, for an index to lead there."""
    names = [ASKING, *connection.execute(select(origins.c.name)).scalars()]
    told = select(*_EVENT).where(events.c.origin.in_(names), events.c.event_id == event_id, *in_scope(events, scope))
    return _begun(connection, told)


def _of_subjects(connection: Connection, scope: AccessScope, subjects: Collection[str]) -> list[_Root]:
    """Of changes' ids, event:SEQ and plain seqs."""
    seqs = [int(match.group(1)) for match in map(_SEQ.match, subjects) if match]
    told = select(*_EVENT).where(events.c.seq.in_(seqs), *in_scope(events, scope))
    led = select(*_CHANGE, changes.c.after.label("digest")).where(changes.c.id.in_(subjects), *in_scope(changes, scope))
    return [*_begun(connection, told), *_begun(connection, led)]


def _of_trace(connection: Connection, scope: AccessScope, trace: str) -> list[_Root]:
    made = select(delivery_changes.c.subject).join(deliveries, deliveries.c.id == delivery_changes.c.delivery_id)
    subjects = connection.execute(made.where(deliveries.c.trace_id == trace)).scalars().all()
    found = _of_subjects(connection, scope, subjects) if subjects else []
    return [one for one in found if trace_id(one.origin, one.event_id) == trace]


def _begun(connection: Connection, query: Select[Any]) -> list[_Root]:
    rows = connection.execute(query).all()
    raws = _asked_bytes(connection, [row.event_id for row in rows if row.origin == ASKING])
    return [
        _Root(*root(row.origin, row.event_id, raws.get(row.event_id) if row.origin == ASKING else None), row.registry,
              row.repository, row.tag, row.digest, row.time_ns)
        for row in rows
    ]  # fmt: skip


def _asked_bytes(connection: Connection, ids: Collection[str]) -> dict[str, bytes]:
    query = select(events.c.event_id, events.c.raw).where(events.c.origin == ASKING, events.c.event_id.in_(ids))
    return {row.event_id: row.raw for row in connection.execute(query)} if ids else {}


def _trace(connection: Connection, scope: AccessScope, begun: _Root) -> Trace:
    identity = trace_id(begun.origin, begun.event_id)
    event = _event(connection, scope, begun.origin, begun.event_id)
    learnt = _event(connection, scope, ASKING, resolved_id(begun.origin, begun.event_id))
    led = _changes(connection, scope, begun, event, learnt)
    subjects = [*(row.id for row in led), *([f"event:{event.seq}"] if event else [])]
    trunk = steps.heard(event, _link(connection, event.seq)) if event else []
    trunk += [steps.asked(learnt)] if learnt else []
    trunk += [step for row in led for step in steps.recorded(row)]
    branches: list[Sequence[Step]] = [[steps.settling(row)] for row in _waiting(connection, subjects)]
    branches += [steps.sent(story) for story in _sent(connection, scope, identity, subjects)]
    return Trace(
        trace_id=identity,
        origin=begun.origin,
        event_id=begun.event_id,
        event=event.seq if event else None,
        time_ns=event.time_ns if event else begun.time_ns,
        registry=begun.registry,
        repository=begun.repository,
        tag=begun.tag,
        digest=event.digest if event and event.digest else learnt.digest if learnt else begun.digest,
        steps=in_line(trunk, branches),
    )


def _event(connection: Connection, scope: AccessScope, origin: str, event_id: str) -> EventLine | None:
    where = (events.c.origin == origin, events.c.event_id == event_id, *in_scope(events, scope))
    row = connection.execute(select(*event_queries.COLUMNS).where(*where)).one_or_none()
    return event_queries.line(row, scope) if row else None


def _link(connection: Connection, seq: int) -> str | None:
    chain = connection.execute(select(links.c.chain).where(links.c.seq == seq)).scalar_one_or_none()
    return chain.hex()[:_LINK_DIGITS] if chain else None


def _changes(
    connection: Connection, scope: AccessScope, begun: _Root, event: EventLine | None, learnt: EventLine | None
) -> list[AnyRow]:
    """What the event, or the answer about it, did to tags; a change has the time of its event."""
    keys = [(begun.origin, begun.event_id), *([(learnt.origin, learnt.event_id)] if learnt else [])]
    times = {begun.time_ns, *(one.time_ns for one in (event, learnt) if one)}
    query = select(changes).where(
        changes.c.registry == begun.registry,
        changes.c.repository == begun.repository,
        changes.c.time_ns.in_(times),
        or_(*(and_(changes.c.origin == origin, changes.c.event_id == event_id) for origin, event_id in keys)),
        *in_scope(changes, scope),
    )
    return list(connection.execute(query.order_by(changes.c.recorded_ns, changes.c.id)))


def _waiting(connection: Connection, subjects: Collection[str]) -> list[AnyRow]:
    query = (
        select(windows.c.destination, windows.c.opened_ns, windows.c.closes_ns, window_changes.c.rule,
               window_changes.c.rule_version)
        .join(window_changes, window_changes.c.window_id == windows.c.id)
        .where(window_changes.c.subject.in_(subjects))
        .order_by(windows.c.opened_ns, windows.c.destination)
    )  # fmt: skip
    return list(connection.execute(query))


def _sent(connection: Connection, scope: AccessScope, trace: str, subjects: Collection[str]) -> list[DeliveryStory]:
    """Deliveries of the trace and those that tell one of `subjects`; what asks about these or repeats them, too."""
    own = select(deliveries.c.id).where(deliveries.c.trace_id == trace)
    first = {*connection.execute(own).scalars(), *_telling(connection, subjects)}
    about = [subject for one in first for subject in (f"approval:{one}", *(f"delivery:{one}:{end}" for end in Status))]
    wanted = first | _telling(connection, about)
    same = select(deliveries.c.trace_id).where(deliveries.c.id.in_(wanted))
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.redelivery_of)
        .where(or_(deliveries.c.id.in_(wanted), deliveries.c.trace_id.in_(same)))
        .order_by(deliveries.c.made_ns, deliveries.c.id)
    ).all()
    for row in rows:  # a copy is made after what it repeats
        wanted |= {row.id} if row.redelivery_of in wanted else set()
    stories = (delivery_queries.one(connection, scope, row.id) for row in rows if row.id in wanted)
    return [story for story in stories if story]


def _telling(connection: Connection, subjects: Collection[str]) -> set[str]:
    told = delivery_changes.c
    return set(connection.execute(select(told.delivery_id).where(told.subject.in_(subjects))).scalars())

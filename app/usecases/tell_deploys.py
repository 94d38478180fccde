"""How deploys ended, as the channels of their rules are told (a second message: incoming webhooks can't edit theirs).

A promise of it is written where a delivery ends, with the subject `delivery:ID:STATUS`; so each end is told once, also
that of a deploy which failed and was sent again by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.deliveries import Status
from app.domain.origins import ASKING
from app.domain.told import Deploy, Told
from app.store import actions, changes, deploys
from app.store.deploys import EndedDeploy
from app.store.engine import Connection
from app.store.outbox import DELIVERY
from app.usecases.redeploy import VERB

_REDEPLOY = f"{VERB}:"
KINDS: Mapping[str, str] = {
    Status.DELIVERED: "deployed",
    Status.DEAD: "deploy-failed",
    Status.SUPERSEDED: "deploy-superseded",
}


def tell_deploys(connection: Connection, subjects: Sequence[str]) -> dict[str, tuple[Told, tuple[str, ...]]]:
    """By subject, those whose delivery is there, each with the rules whose channels hear of it."""
    if not subjects:
        return {}
    asked = {subject: subject.removeprefix(DELIVERY).rpartition(":") for subject in subjects}
    ends = deploys.ended(connection, {identity for identity, _, _status in asked.values()})
    causes = _causes(connection, [end.subject for end in ends.values() if end.subject])
    told = {}
    for subject, (identity, _, status) in asked.items():
        if identity in ends:
            end = ends[identity]
            told[subject] = (_told(subject, end, KINDS[status], causes.get(end.subject or "")), (end.rule, *end.rules))
    return told


@dataclass(frozen=True, slots=True)
class _Cause:
    """Who had it deployed, and the event by which the digest is known."""

    actor: str | None
    origin: str
    event_id: str


def _causes(connection: Connection, subjects: Sequence[str]) -> dict[str, _Cause]:
    """By subject: of changes, and of redeploys that somebody asked for."""
    found = changes.get(connection, [subject for subject in subjects if not subject.startswith(_REDEPLOY)])
    causes = {one.id: _Cause(one.actor, one.order.origin, one.order.event_id) for one in found.values()}
    for subject in subjects:
        if subject.startswith(_REDEPLOY):
            asked = actions.get(connection, int(subject.removeprefix(_REDEPLOY)))
            causes[subject] = _Cause(asked.actor, asked.detail["origin"], asked.detail["event_id"])
    return causes


def _told(subject: str, end: EndedDeploy, kind: str, cause: _Cause | None) -> Told:
    return Told(
        change_id=subject,
        kind=kind,
        registry=end.registry,
        repository=end.repository,
        tag=end.tags[0] if end.tags else None,
        before=end.before,
        after=end.digest,
        actor=cause.actor if cause else None,
        origin=cause.origin if cause else ASKING,
        time_ns=end.ended_ns,
        rule=end.rule,
        event_id=cause.event_id if cause else end.id,
        link=None,
        media_type=None,
        deploy=Deploy(
            trigger=end.destination.partition(":")[2],
            delivery_id=end.id,
            tries=end.tries,
            detail=end.reason or end.last_detail or "",
            also=end.tags[1:],
        ),
        trace_id=end.trace_id or "",
    )

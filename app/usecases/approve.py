"""Somebody decides about a deploy that waits for approval."""

from dataclasses import dataclass, replace

from app.domain.approvals import APPROVED, REJECTED, Approval, secret_sha256
from app.domain.deliveries import Status
from app.domain.errors import TagtrailError
from app.domain.times import rfc3339
from app.store import actions, approvals, deliveries, held
from app.store.actions import Action
from app.store.engine import Connection, Engine, now_ns, reading, writing

BY_LINK = "approval-link"
"""Who decides with a link, as the log of actions calls them: its holder need not be known."""


class UndecidableError(TagtrailError):
    """There is nothing to decide, or no longer."""


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says: `by` is who, as the log of actions names people; `note` is why."""

    approved: bool
    by: str
    note: str | None = None


def decide(engine: Engine, identity: str, word: Word) -> str:
    """Let the delivery go, or end it; at once, and for ever. The decision. Raises UndecidableError."""
    with writing(engine) as connection:
        now = now_ns(connection)
        asked = _undecided(connection, identity, now)
        decision = APPROVED if word.approved else REJECTED
        decided = replace(asked, decision=decision, decided_ns=now, actor=word.by, note=word.note)
        if not approvals.decide(connection, decided):
            raise UndecidableError("somebody else decided just now")
        detail = {"digest": asked.digest, "note": word.note}
        actions.add(connection, Action(word.by, f"approval.{decision}", identity, detail))
        held.wake(connection, now, identity)
        return decision


def of_link(engine: Engine, secret: str) -> Approval | None:
    """What the link with this secret is about; None if it is no such link, or its time is over."""
    with reading(engine) as connection:
        found = approvals.with_link(connection, secret_sha256(secret))
        return found if found and now_ns(connection) < found.deadline_ns else None


def _undecided(connection: Connection, identity: str, now: int) -> Approval:
    asked = approvals.of(connection, [identity]).get(identity)
    found = deliveries.get(connection, identity)
    if found is None:
        raise UndecidableError(f"nothing waits for approval as {identity[:100]!r}; see `tagtrail approvals`")
    is_so = f"it is {found.status}" + (f": {found.reason}" if found.reason else "")
    if asked is None:
        raise UndecidableError(f"{identity} asks for no approval; {is_so}")
    if asked.decision is not None:
        raise UndecidableError(f"it is {asked.decision} by {asked.actor} already")
    if now >= asked.deadline_ns:
        raise UndecidableError(f"its time was over at {rfc3339(asked.deadline_ns, 0)}")
    if found.status != Status.PENDING.value:
        raise UndecidableError(is_so)
    if found.cause == deliveries.SCHEDULED and not deliveries.tells_the_present(connection, identity):
        raise UndecidableError("the tag moved on; what it points to now is asked about anew")
    return asked

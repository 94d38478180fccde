"""Whether a claimed delivery may go: a chain of checks, each of which may hold or end it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.approvals import Approval, awaited
from app.domain.deliveries import EXPIRES_NS, End, Go, Hold, Status, Verdict
from app.domain.downgrades import newest, overtaken
from app.domain.holds import Pause, closed, paused
from app.domain.rules import Rule
from app.store import approvals, deliveries, held, pauses, sent
from app.store.deliveries import Claim
from app.store.engine import Connection, now_ns
from app.usecases.fan import Fan

SUPERSEDED = "superseded: the tag moved on"


@dataclass(frozen=True, slots=True)
class Gates:
    """What the checks of some claims go by, as it is in their transaction. `rules` and `tags` are by delivery."""

    now_ns: int
    pauses: Mapping[str, Pause]
    rules: Mapping[str, Sequence[Rule]]
    made_by: Mapping[str, set[str]]
    approvals: Mapping[str, Approval]
    tags: Mapping[str, Sequence[str]]


def pass_gate(connection: Connection, fan: Fan, claimed: Sequence[Claim]) -> list[Claim]:
    """Those of `claimed` that may go now; the others are held or have ended."""
    gates = _gates(connection, fan, claimed)
    going = []
    for one in claimed:
        match verdict(connection, one, gates):
            case Go():
                going.append(one if one.held_ns is None else _let_go(connection, one, gates.now_ns))
            case Hold() as found:
                held.hold(connection, one, found, gates.now_ns)
            case End(status, reason):
                deliveries.end(connection, one, status, reason)
    return going


def verdict(connection: Connection, claim: Claim, gates: Gates) -> Verdict:
    """What the first check says that lets it not pass."""
    return next((found for check in _CHECKS if (found := check(connection, claim, gates))), Go())


def _gates(connection: Connection, fan: Fan, claimed: Sequence[Claim]) -> Gates:
    ids = [one.id for one in claimed]
    made_by = held.rules_of(connection, ids)
    by_name = {rule.name: rule for rule in fan.rules}
    named = {one.id: made_by.get(one.id, {one.rule}) for one in claimed}
    rules = {identity: [by_name[name] for name in names if name in by_name] for identity, names in named.items()}
    now = now_ns(connection)
    deploys = [one.id for one in claimed if one.purpose == "deploy"]
    tags = sent.tags_of(connection, deploys) if deploys else {}
    return Gates(now, pauses.in_force(connection, now), rules, named, approvals.of(connection, ids), tags)


def _let_go(connection: Connection, claim: Claim, now: int) -> Claim:
    return held.let_go(connection, claim, now + EXPIRES_NS[claim.purpose])


def _is_present(connection: Connection, claim: Claim, _gates: Gates) -> End | None:
    """A deploy tells of what is so; but not one that somebody asked for by hand (decision 9)."""
    scheduled = claim.purpose == "deploy" and claim.cause == deliveries.SCHEDULED
    past = scheduled and not deliveries.tells_the_present(connection, claim.id)
    return End(Status.SUPERSEDED, SUPERSEDED) if past else None


def _is_no_step_back(connection: Connection, claim: Claim, gates: Gates) -> End | None:
    """What is newer in its rule's order doesn't wait behind it, as behind a failure, nor is it taken back."""
    if claim.purpose != "deploy" or claim.cause != deliveries.SCHEDULED:
        return None
    rules, tags = gates.rules[claim.id], gates.tags.get(claim.id, ())
    if not any(newest(rule, tags) for rule in rules):
        return None
    later = sent.tags_sent_since(connection, claim)
    reasons = [overtaken(rule, tags, later) for rule in rules]
    return End(Status.SUPERSEDED, reasons[0]) if reasons[0] and all(reasons) else None


def _is_approved(_connection: Connection, claim: Claim, gates: Gates) -> Hold | End | None:
    """Also where somebody sends by hand what waits for another one's word."""
    asked = gates.approvals.get(claim.id)
    return None if asked is None else awaited(asked, claim.digest, gates.now_ns)


def _is_paused(_connection: Connection, claim: Claim, gates: Gates) -> Hold | None:
    """Who asks by hand goes past a pause of the rule, though not of the destination or of everything."""
    rules = gates.made_by[claim.id] if claim.cause == deliveries.SCHEDULED else ()
    return paused(gates.pauses, claim.destination, rules, gates.now_ns)


def _is_closed(_connection: Connection, claim: Claim, gates: Gates) -> Hold | None:
    by_hand = claim.cause == deliveries.MANUAL
    return None if by_hand else closed(gates.rules[claim.id], claim.destination, gates.now_ns)


_CHECKS: Sequence[Callable[[Connection, Claim, Gates], Hold | End | None]] = (
    _is_present,
    _is_no_step_back,
    _is_approved,
    _is_paused,
    _is_closed,
)

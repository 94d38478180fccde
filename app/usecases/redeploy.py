"""Sends an earlier digest of a tag once more: the way back (issue 4).

Who asks writes what is to go where into the log of actions, and a promise; a worker, which has the sinks, makes the
deliveries of it. They are by hand: neither doubted nor superseded, and past whatever rests only by its rule.
"""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from app.domain.access import AccessScope
from app.domain.changes import ABSENT, TagKey
from app.domain.errors import TagtrailError
from app.domain.rules import Rule, misplaced
from app.domain.times import rfc3339
from app.domain.told import Told
from app.store import actions, outbox
from app.store.actions import Action
from app.store.engine import Connection, Engine, now_ns, writing
from app.store.queries import changes, moments, tags
from app.store.queries.changes import ChangeFilter, ChangeLine
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import Paging
from app.store.queries.tags import TagFilter
from app.usecases.new_id import new_id

VERB = "redeploy"
LANE = "redeploy"


class NoWayBackError(TagtrailError):
    """There is no such digest to go back to, or nothing that would deploy it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The digest itself, or the moment at which `key` pointed to it. `trigger`: only there."""

    key: TagKey
    digest: str | None
    at_ns: int | None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """What will be delivery `id`."""

    destination: str
    id: str
    rule: str
    rule_version: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`digest` goes out for a tag that now points to `before`. `change_id`, `origin`, `event_id`: how it was known."""

    registry: str
    repository: str
    tag: str
    before: str
    digest: str
    change_id: str
    origin: str
    event_id: str
    sends: tuple[Send, ...]


def plan(connection: Connection, scope: AccessScope, rules: Sequence[Rule], wanted: Wanted) -> Plan:
    """What `ask` would have sent. Raises NoWayBackError."""
    key, digest = wanted.key, wanted.digest or _digest_then(connection, scope, wanted)
    known = _known(connection, scope, key, digest)
    sends = _sends(rules, key, known, wanted.trigger)
    present = tags.page(connection, scope, TagFilter(key.registry, key.repository, key.tag), Paging(1)).items
    before = (present[0].digest if present else None) or ABSENT
    name = (key.registry, key.repository, key.tag)
    return Plan(*name, before, digest, known.id, known.origin, known.event_id, sends)


def ask(engine: Engine, scope: AccessScope, rules: Sequence[Rule], wanted: Wanted, by: str) -> Plan:
    """Promise it. `by` is who says so, as the log of actions names people. Raises NoWayBackError."""
    with writing(engine) as connection:
        planned = plan(connection, scope, rules, wanted)
        subject = f"{planned.registry}/{planned.repository}:{planned.tag}"
        seq = actions.add(connection, Action(by, VERB, subject, asdict(planned)))
        outbox.add(connection, f"{LANE}:", [f"{VERB}:{seq}"], now_ns(connection))
        return planned


def _digest_then(connection: Connection, scope: AccessScope, wanted: Wanted) -> str:
    if wanted.at_ns is None:
        raise NoWayBackError("say which: a digest, or the moment at which the tag pointed to it")
    found = moments.one(connection, scope, wanted.key, MomentFilter(wanted.at_ns))
    at = rfc3339(wanted.at_ns, 0)
    if found is None or found.digest is None:
        was = "this tag was absent" if found and found.state == "absent" else "nothing was known of this tag"
        raise NoWayBackError(f"at {at} {was}; its history shows more")
    if found.ambiguous:
        raise NoWayBackError(f"at {at} two digests were told of for this tag; name one of them")
    return found.digest


def _known(connection: Connection, scope: AccessScope, key: TagKey, digest: str) -> ChangeLine:
    """The last line of history that leads to `digest`: of the tag, else of its repository."""
    for tag in (key.tag, None):
        asked = ChangeFilter(key.registry, key.repository, tag, digest)
        for line in changes.page(connection, scope, asked, Paging(MOST_LINES)).items:
            if line.after == digest:
                return line
    raise NoWayBackError(f"nobody has told of {digest} in {key.registry}/{key.repository}")


MOST_LINES = 100
"""Lines about a digest that are looked through for one that leads to it: of two on one tag one does."""


def _sends(rules: Sequence[Rule], key: TagKey, known: ChangeLine, trigger: str | None) -> tuple[Send, ...]:
    """To each destination once, by the first rule that names it."""
    found: dict[str, Send] = {}
    for rule in rules:
        if misplaced(rule.when, _place(key, known)) is None:
            for destination in rule.deploy:
                found.setdefault(destination, Send(destination, new_id(), rule.name, rule.version))
    if not found:
        raise NoWayBackError(f"no rule deploys {key.repository}:{key.tag}; rules: says what goes where")
    if trigger is None:
        return tuple(found.values())
    if f"trigger:{trigger}" not in found:
        names = [name.removeprefix("trigger:") for name in found]
        near = difflib.get_close_matches(trigger, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"its rules deploy to: {', '.join(names)}"
        raise NoWayBackError(f"no rule deploys {key.repository}:{key.tag} to {trigger[:100]!r}; {hint}")
    return (found[f"trigger:{trigger}"],)


def _place(key: TagKey, known: ChangeLine) -> Told:
    return Told(
        change_id=known.id, kind=known.kind, registry=key.registry, repository=key.repository, tag=key.tag,
        before=known.before, after=known.after, actor=known.actor, origin=known.origin, time_ns=known.time_ns, rule="",
        event_id=known.event_id, link=None, media_type=None,
    )  # fmt: skip

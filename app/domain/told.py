"""What a message tells: changes, or a notice of Tagtrail's own, as the sinks get to see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

REDEPLOYED = "redeployed"
"""The kind of what an operator sends again with another digest than the tag has."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """How the deploy of a change ended: `detail` is what the last attempt brought, or why nothing was sent.

    `trigger` is its name; `also` are the further tags that it was for.
    """

    trigger: str
    delivery_id: str
    tries: int
    detail: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One change as a message tells it. Any text may hold anything: markup, control characters, mentions.

    `kind` is created, moved, removed, restored or pulled; `before` and `after` are `unknown`, `absent` or a
    digest; `tag` is None where the event names only a manifest; `time_ns` is nanoseconds since 1970, UTC.
    `provenance` is how it is known, `action` what its event was; `platforms` (os/architecture[/variant]) is None where
    the event doesn't say; `groups` is what the rule's regular expressions named; `trace_id` is the push's, the same in
    all messages about it.
    With `deploy` it is how the deploy of a change ended, at `time_ns`: deployed, deploy-failed or deploy-superseded.
    `link` and those of `before` and `after` are addresses of our pages.
    """

    change_id: str
    kind: str
    registry: str
    repository: str
    tag: str | None
    before: str
    after: str
    actor: str | None
    origin: str
    time_ns: int
    rule: str
    event_id: str
    link: str | None
    media_type: str | None
    provenance: str = "observed"
    action: str | None = None
    platforms: frozenset[str] | None = None
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    before_link: str | None = None
    after_link: str | None = None
    deploy: Deploy | None = None
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the operator should know of Tagtrail itself: a destination that is disabled, an origin that is silent.

    `kind` is a word in the style of `destination.disabled`; `about` names what it is about; `text` is one sentence.
    """

    kind: str
    about: str
    text: str
    time_ns: int
    link: str | None

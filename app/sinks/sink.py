"""The contract of every sink."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from app.domain.told import Notice, Told

ANSWER_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Message:
    """What is stored in the delivery's row, and sent byte for byte at every attempt; none of it is secret.

    `headers` and `query` (without its `?`) are those that tell of the change; the sink adds its own to them.
    """

    content_type: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    `status` is the answer's, None where none came. `detail` is one line, fit for pages and logs. `answer` is
    the start of the body, at most ANSWER_BYTES, without the secret parts of the URL. `permanent`: another
    try can't help. `retry_after_s`: seconds that the destination asked for.
    """

    status: int | None
    detail: str
    answer: bytes
    permanent: bool
    delivered: bool
    retry_after_s: float | None
    duration_ns: int


class Sink(Protocol):
    """One destination of one kind.

    `render` is pure: the same changes (at least one, in the order they came) give the same bytes, now and after
    a restart. To a trigger all of them say one digest, and it may raise RenderError for what it can't tell.
    `send` makes exactly one attempt and never raises for the faults of the outside world: they are outcomes.
    `now_s` is the time of the attempt in seconds since 1970. Neither repr nor any outcome or error shows a
    secret.
    """

    def render(self, told: Sequence[Told]) -> Message: ...

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome: ...


@runtime_checkable
class Patient(Protocol):
    """A sink of which an attempt may last longer than one call over the door: `longest_s` seconds."""

    @property
    def longest_s(self) -> float: ...


class Trigger(Sink, Protocol):
    """A sink that deploys: people can see beforehand what it would do."""

    def shown(self, message: Message) -> str:
        """What an attempt would send or run, without its secrets."""
        ...


class Channel(Sink, Protocol):
    """A sink that people read: it tells notices too. Pure, as `render` is."""

    def notice(self, notice: Notice) -> Message: ...

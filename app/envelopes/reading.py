"""What goes into a dialect and what comes out of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.domain.events import Report


@dataclass(frozen=True, slots=True)
class Received:
    """What a sender sent: the exact bytes, and the headers under lower-case names."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """None where it is missing or empty."""
        return self.headers.get(name) or None


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as a dialect read it: what could be read, and one line for each thing that couldn't.

    `answer`: what a handshake wants to hear, as JSON; nothing is reported then.
    """

    reports: tuple[Report, ...] = ()
    faults: tuple[str, ...] = ()
    answer: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of sender talks. `read` never raises for what was received.

    `recognises` is asked with the body's JSON by origins of the kind `auto`. `headers` are those that `read` or
    `recognises` look at, in lower case; they are kept with what can't be read, so none may carry a secret.
    """

    read: Callable[[Received], Reading]
    recognises: Callable[[Received, object], bool]
    headers: tuple[str, ...] = ()

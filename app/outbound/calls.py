"""What goes out of the door and what comes back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.outbound.urls import Url


@dataclass(frozen=True, slots=True)
class Call:
    """One request. The repr shows neither headers nor body: both may hold secrets.

    A body of bytes gets its Content-Length. Chunks are sent as they come, as HTTP chunks unless `headers`
    tell the Content-Length; None is a request without a body.
    """

    method: str
    url: Url
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Iterable[bytes] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """`total_s`: seconds for the whole call, from the look-up of the name to the answer's last byte.

    `connect_s`: seconds of these until connection and TLS stand.
    `answer_bytes`: where `Door.send` cuts the body.
    """

    total_s: float = 15.0
    connect_s: float = 5.0
    answer_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer, the names in lower case, in the order of the wire."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    redirect: str | None = None
    """Where a 3xx pointed, as scheme://host/…; the door never follows."""

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Answer(Head):
    """A whole answer. `truncated`: the body went on where `Limits.answer_bytes` cut it."""

    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    duration_ns: int = 0

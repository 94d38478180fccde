"""One attempt over the door, told as an outcome. Which failures are permanent is each sink's to say."""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from app.outbound import Answer, Call, Door, Limits, OutboundError, Url
from app.sinks.sink import ANSWER_BYTES, Outcome

_LIMITS = Limits(answer_bytes=16 * 1024)
_ASKING = Limits(total_s=5.0, answer_bytes=4 * 1024 * 1024)
ASKING_S, ACTING_S = _ASKING.total_s, _LIMITS.total_s
"""How long `ask` and `attempt` may take."""
_SECONDS = re.compile(r"\d{1,9}")
_HIDDEN = b"[hidden]"
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class OneCall:
    """What sinks have that send one request, through a door of which they have as much time as it gives."""

    door: Door = field(repr=False)
    url: Url

    @property
    def longest_s(self) -> float:
        return self.door.total_s


def attempt(door: Door, call: Call, permanent: Collection[int], now_s: int, hidden: Collection[str] = ()) -> Outcome:
    """Send `call` once. A 2xx is delivered, even if its body breaks off: the message has been taken.

    No answer that is kept repeats the secrets of the URL or of a proxy, or one of `hidden`.
    """
    answer = _send(door, call, replace(_LIMITS, total_s=door.total_s), permanent)
    if isinstance(answer, Outcome):
        return answer
    return _outcome(answer, call.url, permanent, now_s, [*hidden, *door.secrets])


def ask(
    door: Door, call: Call, permanent: Collection[int], now_s: int, hidden: Collection[str] = ()
) -> Answer | Outcome:
    """The whole answer to what has to be known before the act; or how the attempt ended with the question."""
    answer = _send(door, call, _ASKING, permanent)
    if isinstance(answer, Outcome):
        return answer if not answer.delivered else replace(answer, delivered=False)
    if _is_success(answer.status) and not answer.truncated:
        return answer
    outcome = _outcome(answer, call.url, permanent, now_s, hidden)
    detail = f"asked {call.method}: {outcome.detail}{', of more bytes than are read' if answer.truncated else ''}"
    return replace(outcome, delivered=False, detail=detail)


def _send(door: Door, call: Call, limits: Limits, permanent: Collection[int]) -> Answer | Outcome:
    started = time.monotonic_ns()
    try:
        return door.send(call, limits)
    except OutboundError as error:
        return _failed(error, permanent, time.monotonic_ns() - started)


def _outcome(answer: Answer, url: Url, permanent: Collection[int], now_s: int, hidden: Collection[str]) -> Outcome:
    delivered = _is_success(answer.status)
    return Outcome(
        status=answer.status,
        detail=_detail(answer),
        answer=hidden_in(answer.body, [*_secrets(url), *hidden], truncated=answer.truncated),
        permanent=answer.status in permanent,
        delivered=delivered,
        retry_after_s=None if delivered else retry_after(answer.header("retry-after"), now_s),
        duration_ns=answer.duration_ns,
    )


def nothing_sent(detail: str, *, permanent: bool) -> Outcome:
    """An attempt that ended before anything was done."""
    return Outcome(None, detail, b"", permanent, delivered=False, retry_after_s=None, duration_ns=0)


def already_so(what: str) -> Outcome:
    """An attempt that found done what it came for."""
    return replace(nothing_sent(f"{what} is already so", permanent=False), delivered=True)


def retry_after(text: str | None, now_s: int) -> float | None:
    """Seconds from `now_s` that a Retry-After asks for (RFC 9110 §10.2.3), None where it can't be read."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, zoned.timestamp() - now_s)


def _failed(error: OutboundError, permanent: Collection[int], duration_ns: int) -> Outcome:
    status = error.status
    return Outcome(
        status=status,
        detail=str(error) if status is None else f"HTTP {status}, then {error}",
        answer=b"",
        permanent=status in permanent,
        delivered=status is not None and _is_success(status),
        retry_after_s=None,
        duration_ns=duration_ns,
    )


def _is_success(status: int) -> bool:
    return 200 <= status < 300


def _detail(answer: Answer) -> str:
    if answer.redirect is None:
        return f"HTTP {answer.status}"
    return f"HTTP {answer.status}, a redirect to {answer.redirect}, which is not followed"


def hidden_in(body: bytes, secrets: Collection[str], *, truncated: bool) -> bytes:
    """The start of `body` without `secrets`: many servers repeat the request in their error pages."""
    known = sorted({secret.encode() for secret in secrets if secret}, key=lambda secret: (-len(secret), secret))
    for secret in known:
        body = body.replace(secret, _HIDDEN)
    if truncated and known:  # the cut may have gone through a secret
        body = body[: -len(known[0])]
    return body[:ANSWER_BYTES]


def _secrets(url: Url) -> set[str]:
    """The target and its parts long enough to be a secret, as sent and decoded."""
    parts = [part for part in re.split("[/?&=;,]", url.target) if len(part) >= _SHORTEST_SECRET]
    whole = [url.target] if url.target != "/" else []
    return {form for part in whole + parts for form in (part, unquote(part))}

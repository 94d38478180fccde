"""One attempt over the door, told as an outcome. Which failures are permanent is each sink's to say."""

import re
import time
from collections.abc import Collection
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from app.outbound import Answer, Call, Door, Limits, OutboundError, Url
from app.sinks.sink import ANSWER_BYTES, Outcome

_LIMITS = Limits(answer_bytes=16 * 1024)
_SECONDS = re.compile(r"\d{1,9}")
_HIDDEN = b"[hidden]"
_SHORTEST_SECRET = 8


def attempt(door: Door, call: Call, permanent: Collection[int], now_s: int, hidden: Collection[str] = ()) -> Outcome:
    """Send `call` once. A 2xx is delivered, even if its body breaks off: the message has been taken.

    No answer that is kept repeats the secrets of the URL, or one of `hidden`.
    """
    started = time.monotonic_ns()
    try:
        answer = door.send(call, _LIMITS)
    except OutboundError as error:
        return _failed(error, permanent, time.monotonic_ns() - started)
    delivered = _is_success(answer.status)
    return Outcome(
        status=answer.status,
        detail=_detail(answer),
        answer=shareable(answer, [*_secrets(call.url), *hidden]),
        permanent=answer.status in permanent,
        delivered=delivered,
        retry_after_s=None if delivered else retry_after(answer.header("retry-after"), now_s),
        duration_ns=answer.duration_ns,
    )


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


def shareable(answer: Answer, secrets: Collection[str]) -> bytes:
    """The start of the body without `secrets`: many servers repeat the request in their error pages."""
    known = sorted({secret.encode() for secret in secrets if secret}, key=lambda secret: (-len(secret), secret))
    body = answer.body
    for secret in known:
        body = body.replace(secret, _HIDDEN)
    if answer.truncated and known:  # the cut may have gone through a secret
        body = body[: -len(known[0])]
    return body[:ANSWER_BYTES]


def _secrets(url: Url) -> set[str]:
    """The target and its parts long enough to be a secret, as sent and decoded."""
    parts = [part for part in re.split("[/?&=;,]", url.target) if len(part) >= _SHORTEST_SECRET]
    whole = [url.target] if url.target != "/" else []
    return {form for part in whole + parts for form in (part, unquote(part))}

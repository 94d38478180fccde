"""One line a request, in distribution's words, as JSON or as `key=value` (`log.formatter`)."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.wrappers import Request

from app.domain.times import rfc3339
from app.settings.registry import Log
from app.web.registry.causes import ACTOR, REQUEST_ID, seen
from app.web.registry.forwarded import Network
from app.web.registry.observed import Exchange

_TOLD = frozenset({"artifactType", "digest", "digest-algorithm", "from", "last", "mount", "n", "tag"})
"""Parameters that are fit for a log; what others hold is not known, and may be secret."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/@^+:")


_STDOUT = 1


class AccessLog:
    """On stdout, a line with one call, so that those of several processes don't mix."""

    def __init__(self, log: Log, trusted: Sequence[Network]) -> None:
        self._write = _as_text if log.formatter == "text" else _as_json
        self._fields = log.fields
        self._trusted = trusted

    def began(self, exchange: Exchange) -> None:
        pass

    def ended(self, exchange: Exchange) -> None:
        told = {"time": rfc3339(time.time_ns(), 6), "level": "info", "msg": "response completed"}
        line = self._write({**self._fields, **told, **self._about(exchange)})
        os.write(_STDOUT, line.encode("utf-8", "backslashreplace") + b"\n")

    def _about(self, exchange: Exchange) -> dict[str, Any]:
        request = Request(exchange.environment)
        client = seen(request, self._trusted)
        found = {
            "auth.user.name": exchange.environment.get(ACTOR),
            "http.request.host": client.host,
            "http.request.id": exchange.environment[REQUEST_ID],
            "http.request.method": request.method,
            "http.request.remoteaddr": client.address,
            "http.request.uri": _uri(request),
            "http.request.useragent": request.headers.get("User-Agent"),
            "http.response.contenttype": exchange.content_type,
            "http.response.duration": round(exchange.seconds, 6),
            "http.response.status": exchange.status,
            "http.response.written": exchange.written,
        }
        return {name: value for name, value in found.items() if value not in (None, "")}


def _uri(request: Request) -> str:
    query = request.environ.get("QUERY_STRING", "")
    told = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name in _TOLD]
    return request.path + (f"?{urlencode(told)}" if told else "")


def _as_json(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False)


def _as_text(line: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in line.items())


def _quoted(value: str) -> str:
    return value if value and _PLAIN.issuperset(value) else json.dumps(value)

"""`/live`: changes as they are written, as server-sent events (WHATWG HTML §9.2).

Each has the seq of the event that wrote it as its id, so that a browser that comes back goes on where it was. A stream
ends by itself after a while, and the browser opens the next one: no thread is held for long by nobody.
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request
from jinja2 import Template

from app.bootstrap import Services
from app.domain.access import AccessScope
from app.store import head
from app.store.engine import Engine, UnavailableError, reading
from app.store.queries import changes
from app.store.queries.changes import ChangeFilter, ChangeLine
from app.web.callers import scope
from app.web.parameters import LiveParameters
from app.web.problems import problem

MOST_STREAMS = 16
"""In a process: each holds one of its 64 threads."""
LASTS_S = 10.0
"""A web process that is told to end waits for its streams."""
LOOK_EVERY_S = 1.0
MOST_AT_ONCE = 100
RETRY_MS = 2000


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("live", __name__)
    streams = threading.BoundedSemaphore(MOST_STREAMS)

    @routes.get("/live")
    def live() -> Response:
        asked = LiveParameters.read(blank_is_absent=True)
        seen = _last_seen()
        if not streams.acquire(blocking=False):
            return problem(503, "too many pages are watching already", headers={"Retry-After": "30"})
        row = current_app.jinja_env.get_template("change_row.html")
        watched = _Watched(services.engine, scope(), asked.filter(), row)
        stream = _stream(watched, asked.after if seen is None else seen)
        response = Response(stream, mimetype="text/event-stream")
        response.call_on_close(streams.release)
        return response

    return routes


def _last_seen() -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class _Watched:
    """What a page wants to hear, and how a row of it looks. The request is over when a stream runs."""

    engine: Engine
    scope: AccessScope
    asked: ChangeFilter
    row: Template


def _stream(watched: _Watched, after: int | None) -> Iterator[str]:
    """A line a look, so that a listener who is gone is noticed. Ends where the database is away: browsers come back."""
    yield f"retry: {RETRY_MS}\n\n"
    ends_at = time.monotonic() + LASTS_S
    seq = after
    try:
        while time.monotonic() < ends_at:
            seq, events = _news(watched, seq)
            yield "".join(events) or ": nothing new\n\n"
            time.sleep(LOOK_EVERY_S)
    except UnavailableError:
        return


def _news(watched: _Watched, seq: int | None) -> tuple[int, list[str]]:
    """What was written behind `seq` (None: from now on), and where that ends."""
    with reading(watched.engine) as connection:
        if seq is None:
            return head.last(connection), []
        until, found = changes.altered(connection, watched.scope, watched.asked, seq, MOST_AT_ONCE)
    return until, [_event(altered, line, watched.row) for altered, line in found]


def _event(seq: int, line: ChangeLine, row: Template) -> str:
    told = {"change": line.id, "row": row.render(line=line)}
    return f"id: {seq}\nevent: change\ndata: {json.dumps(told)}\n\n"

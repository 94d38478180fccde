"""`http.debug` of a registry that is served alone: `/debug/health` and metrics, for whoever reaches that address."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from app.bootstrap.metrics import exposition
from app.settings.alone import Address

if TYPE_CHECKING:
    from prometheus_client import Metric

Answer = tuple[int, str, bytes]
"""Status, media type, body."""


def serve(address: Address, pages: Mapping[str, Callable[[], Answer]]) -> ThreadingHTTPServer:
    """Answer GET for `pages` on a thread of its own. Raises OSError if nobody can listen there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, media_type, body = page() if page else (404, "text/plain", b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((address.host, address.port), Handler)
    threading.Thread(target=server.serve_forever, name="debug", daemon=True).start()
    return server


def health(faults: Callable[[], Mapping[str, str]]) -> Callable[[], Answer]:
    """As distribution tells it: 503 with what is wrong, by check, or 200 with nothing."""

    def page() -> Answer:
        found = dict(faults())
        return 503 if found else 200, "application/json", json.dumps(found).encode()

    return page


def metrics(known: Callable[[], Iterable["Metric"]]) -> Callable[[], Answer]:
    """What all processes have counted, and what is `known` when it is asked for."""
    return lambda: (200, *exposition(known()))

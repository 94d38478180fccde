"""`http.debug` of a registry that is served alone: `/debug/health` and metrics, for whoever reaches that address."""

import json
import os
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from app.settings.alone import Address

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


def metrics(folder: Path, update: Callable[[], None]) -> Callable[[], Answer]:
    """What all processes have counted into `folder`. `update` sets what is only known when it is asked for."""

    def page() -> Answer:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        update()
        _forget_the_dead(folder)
        found = CollectorRegistry()
        MultiProcessCollector(found, path=str(folder))  # type: ignore[no-untyped-call]
        return 200, CONTENT_TYPE_LATEST, generate_latest(found)

    return page


def _forget_the_dead(folder: Path) -> None:
    """What a process had under way when it was killed is under way no more; what it counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not _is_alive(int(pid)):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

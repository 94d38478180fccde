"""How processes serve: granian, and what comes before the first request."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from app.bootstrap.registry import journal_engine, make_registry
from app.settings import Settings

WORKERS = 2
BLOCKING_THREADS = 64
"""A slow upload holds a thread as long as it lasts."""
FINISH_WITHIN_S = 20
"""How long requests under way may take when the process is told to end."""


def end_with(parent: int) -> None:
    """End this process when the one that forked it is gone: or it would go on serving, and keep the port."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def run(settings: Settings, make: Callable[[str], Any], *, finish_within_s: int = FINISH_WITHIN_S, **more: Any) -> None:
    """Listen until SIGTERM or SIGINT. A registry in memory lives in one process, any other is served by two.

    `more` is for granian.
    """
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "tagtrail",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1 if settings.registry.storage.inmemory is not None else WORKERS,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=finish_within_s,
        **more,
    ).serve(target_loader=make)


def settle(settings: Settings) -> None:
    """Resolve all that a crash of our registry left half-done: no request is under way yet.

    What was in memory is gone: pushes into it are forgotten.
    """
    from app.usecases.settle_leftovers import settle_leftovers

    engine = journal_engine(settings)
    registry, locks = make_registry(settings)
    settle_leftovers(engine, locks, registry.holds, at_start=True)
    engine.dispose()

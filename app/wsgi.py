"""The web process: `python -P -m app.wsgi` serves the app with granian; other WSGI servers call `make`."""

import os
import sys
import threading
import time
import uuid
from typing import Any

from app.bootstrap import (
    INSTANCE,
    configure_logging,
    journal_engine,
    log_failure,
    make_registry,
    make_services,
)
from app.domain.errors import TagtrailError
from app.settings import Settings, load
from app.settings.fingerprint import fingerprint
from app.settings.operator import operator
from app.usecases.note_configuration import note_configuration
from app.web.factory import create_app

WORKERS = 2
BLOCKING_THREADS = 64
"""A slow upload holds a thread as long as it lasts."""
FINISH_WITHIN_S = 20
"""How long requests under way may take when the process is told to end."""


def make(_target: str = "") -> Any:
    """Build the app; called once in each process that serves, after it has forked."""
    configure_logging("web")
    _end_with(os.getppid())
    return create_app(make_services(load()))


def _end_with(parent: int) -> None:
    """End this process when the one that forked it is gone: or it would go on serving, and keep the port."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. A registry in memory lives in one process, any other is served by two."""
    os.environ[INSTANCE] = str(uuid.uuid4())
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    note_configuration(settings.database_url, operator(), fingerprint(settings))
    if not settings.open_to_others:
        _settle(settings)
    Server(
        "tagtrail",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1 if settings.registry.storage.inmemory is not None else WORKERS,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=FINISH_WITHIN_S,
    ).serve(target_loader=make)


def _settle(settings: Settings) -> None:
    """Resolve all that a crash of our registry left half-done: no request is under way yet."""
    from app.usecases.settle_leftovers import settle_leftovers

    if settings.registry.storage.inmemory is not None:
        return
    engine = journal_engine(settings)
    registry, locks = make_registry(settings)
    settle_leftovers(engine, locks, registry.holds, at_start=True)
    engine.dispose()


if __name__ == "__main__":
    configure_logging("web")
    try:
        serve(load())
    except TagtrailError as error:
        log_failure(error)
        sys.exit(1)

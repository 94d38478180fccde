"""Servers to compare with, under Tagtrail's own WSGI server with as many processes and threads."""

from collections.abc import Callable
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from app.bootstrap.serving import BLOCKING_THREADS, WORKERS


def serve(module: str, port: int, make: Callable[..., Any]) -> None:
    """Serve what `make` makes in each process, on 127.0.0.1, until a signal ends it."""
    Server(
        module,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.error,
    ).serve(target_loader=make)

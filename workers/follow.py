"""Lets a worker follow its configuration: another one is used from the next drain on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.bootstrap.reloading import EVERY_S, Watched
from app.settings import Settings
from workers.work import reconfigure


@contextmanager
def following(settings: Settings) -> Iterator[None]:
    """Look for other files in a thread of its own, so that an idle worker complains about them, too."""
    stop = threading.Event()
    watched = Watched(settings, reconfigure)

    def look() -> None:
        while not stop.wait(EVERY_S):
            watched.look()

    thread = threading.Thread(target=look, name="configuration", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

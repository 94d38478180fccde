"""What Prometheus is told: what all processes of a group have counted, and what somebody has just looked up."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric

METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where the processes of a group leave their numbers; prometheus_client reads it when imported."""


def are_counted() -> bool:
    """Whether there is such a folder: who has none counts for nobody."""
    return METRICS in os.environ


@contextmanager
def counting() -> Iterator[None]:
    """Let this process and those that it starts count; into a folder that goes with it, unless there is one already."""
    if are_counted():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="tagtrail-") as folder:
        os.environ[METRICS] = folder
        yield


def exposition(known: Iterable["Metric"]) -> tuple[str, bytes]:
    """(media type, text) of what was counted since the group began, and of what is `known` now."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector
    from prometheus_client.registry import Collector

    class Known(Collector):
        def collect(self) -> Iterable["Metric"]:
            return known

    found = CollectorRegistry()
    if are_counted():
        folder = Path(os.environ[METRICS])
        _forget_the_dead(folder)
        MultiProcessCollector(found, path=str(folder))  # type: ignore[no-untyped-call]
    found.register(Known())
    return CONTENT_TYPE_LATEST, generate_latest(found)


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

"""What a worker counts, for Prometheus."""

from prometheus_client import CollectorRegistry

from workers.attempt_meters import AttemptMeters
from workers.notify_meters import NotifyMeters


class WorkMeters:
    """Once in a process: another configuration goes on with the same numbers."""

    def __init__(self) -> None:
        ours = CollectorRegistry()
        self.attempts, self.notified = AttemptMeters(ours), NotifyMeters(ours)

"""distribution's metrics of notifications, by their names (its `notifications/metrics.go`)."""

from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.outbound import Answer, Call, Door, Limits, OutboundError

_DEFAULT = Limits()


class NotifyMeters:
    def __init__(self) -> None:
        ours = CollectorRegistry()
        self.events = Counter(
            "registry_notifications_events", "The number of total events.", ("type", "endpoint"), registry=ours
        )
        self.statuses = Counter(
            "registry_notifications_status", "The number of status code.", ("code", "endpoint"), registry=ours
        )
        self.pending = Gauge(
            "registry_notifications_pending_total", "The gauge of pending events in queue.", ("endpoint",),
            registry=ours, multiprocess_mode="livemostrecent",
        )  # fmt: skip


class CountingDoor(Door):
    """The door to one endpoint; what goes through is an event each, which may be tried more than once."""

    def __init__(self, endpoint: str, meters: NotifyMeters) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._meters = meters
        self._last: object = None

    def send(self, call: Call, limits: Limits = _DEFAULT) -> Answer:
        if call.body != self._last:
            self._last = call.body
            self._count("Events")
        try:
            answer = super().send(call, limits)
        except OutboundError:
            self._count("Errors")
            raise
        self._count("Successes" if 200 <= answer.status < 300 else "Failures")
        self._meters.statuses.labels(_worded(answer.status), self._endpoint).inc()
        return answer

    def _count(self, kind: str) -> None:
        self._meters.events.labels(kind, self._endpoint).inc()


def _worded(status: int) -> str:
    """`200 OK`, as Go has it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

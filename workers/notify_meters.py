"""distribution's metrics of notifications, by their names (its `notifications/metrics.go`)."""

from collections.abc import Sequence
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.domain.times import SECOND_NS
from app.envelopes.distribution import count
from app.outbound import Answer, Call, Door, Limits, OutboundError, Tls
from app.store.standings import Standing

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
        self.pending, self.oldest, self.parked = (
            Gauge(name, text, ("endpoint",), registry=ours, multiprocess_mode="livemostrecent")
            for name, text in _GAUGES.items()
        )

    def show(self, standings: Sequence[Standing], now_ns: int) -> None:
        """How the endpoints do, as known at that time."""
        for one in standings:
            self.pending.labels(one.endpoint).set(one.behind)
            self.oldest.labels(one.endpoint).set((now_ns - one.oldest_ns) / SECOND_NS if one.oldest_ns else 0)
            self.parked.labels(one.endpoint).set(one.parked)


_GAUGES = {
    "registry_notifications_pending_total": "The gauge of pending events in queue.",
    "registry_notifications_oldest_seconds": "The age of the oldest pending event.",
    "registry_notifications_parked_total": "The gauge of events that the endpoint refused and that wait for somebody.",
}
"""The first is distribution's."""


class CountingDoor(Door):
    """The door to one endpoint; what goes through are envelopes, each of which may be tried more than once."""

    def __init__(self, endpoint: str, meters: NotifyMeters, tls: Tls | None = None) -> None:
        """Raise OSError for a `tls` that can't be used."""
        super().__init__(tls=tls)
        self._endpoint = endpoint
        self._meters = meters
        self._last: object = None

    def send(self, call: Call, limits: Limits = _DEFAULT) -> Answer:
        events = count(call.body) if isinstance(call.body, bytes) else 1
        if call.body != self._last:
            self._last = call.body
            self._count("Events", events)
        try:
            answer = super().send(call, limits)
        except OutboundError:
            self._count("Errors", events)
            raise
        self._count("Successes" if 200 <= answer.status < 300 else "Failures", events)
        self._meters.statuses.labels(_worded(answer.status), self._endpoint).inc()
        return answer

    def _count(self, kind: str, events: int) -> None:
        self._meters.events.labels(kind, self._endpoint).inc(events)


def _worded(status: int) -> str:
    """`200 OK`, as Go has it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

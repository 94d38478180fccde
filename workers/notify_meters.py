"""What distribution counts of notifications, by its names (`notifications/metrics.go`)."""

from collections.abc import Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter

from app.envelopes.distribution import count
from app.outbound import Answer, Call, Door, Limits, OutboundError, Tls
from app.usecases.notify import Receiver

_DEFAULT = Limits()


class NotifyMeters:
    def __init__(self, ours: CollectorRegistry) -> None:
        self.events = Counter(
            "registry_notifications_events", "The number of total events.", ("type", "endpoint"), registry=ours
        )
        self.statuses = Counter(
            "registry_notifications_status", "The number of status code.", ("code", "endpoint"), registry=ours
        )

    def doors(self, receivers: Mapping[str, Receiver]) -> Mapping[str, Door]:
        """A door that counts to each endpoint."""
        return {name: CountingDoor(name, self, one.tls) for name, one in receivers.items()}


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
        except OutboundError as error:
            self._answered(error.status, events)
            raise
        self._answered(answer.status, events)
        return answer

    def _answered(self, status: int | None, events: int) -> None:
        """`status` None: nothing came. An answer whose body ends early is one all the same."""
        if status is None:
            self._count("Errors", events)
            return
        self._count("Successes" if 200 <= status < 300 else "Failures", events)
        self._meters.statuses.labels(_worded(status), self._endpoint).inc()

    def _count(self, kind: str, events: int) -> None:
        self._meters.events.labels(kind, self._endpoint).inc(events)


def _worded(status: int) -> str:
    """`200 OK`, as Go has it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

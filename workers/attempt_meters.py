"""What is counted of deliveries while they are sent."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from app.domain.times import SECOND_NS
from app.sinks.sink import Outcome


class AttemptMeters:
    def __init__(self, ours: CollectorRegistry) -> None:
        self._attempts = Counter(
            "tagtrail_delivery_attempts", "Attempts of deliveries, by how they ended.", ("destination", "outcome"),
            registry=ours,
        )  # fmt: skip
        self._seconds = Histogram(
            "tagtrail_delivery_attempt_seconds", "How long attempts take.", ("destination",), registry=ours
        )

    def attempted(self, destination: str, outcome: Outcome) -> None:
        self._attempts.labels(destination, _word(outcome)).inc()
        self._seconds.labels(destination).observe(outcome.duration_ns / SECOND_NS)


def _word(outcome: Outcome) -> str:
    """A refused one is not tried again."""
    if outcome.delivered:
        return "delivered"
    return "refused" if outcome.permanent else "failed"

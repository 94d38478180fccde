"""What a web process counts of its receiver, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from app.web.receiver import ORIGIN
from app.web.registry.observed import Exchange, Observer

HOOKS = "/hooks/"


class ReceiverMeters:
    """Requests of senders. Those that name no origin are counted as one, so that nobody makes up labels."""

    def __init__(self, ours: CollectorRegistry) -> None:
        self._requests = Counter(
            "tagtrail_receiver_requests", "Requests of senders, by what they were answered.", ("origin", "code"),
            registry=ours,
        )  # fmt: skip
        self._seconds = Histogram(
            "tagtrail_receiver_request_seconds", "How long senders wait for the answer.", ("origin",), registry=ours
        )

    def began(self, exchange: Exchange) -> None:
        pass

    def ended(self, exchange: Exchange) -> None:
        origin = exchange.environment.get(ORIGIN, "")
        self._requests.labels(origin, str(exchange.status)).inc()
        self._seconds.labels(origin).observe(exchange.seconds)


class Below:
    """Lets an observer see the requests below a path alone."""

    def __init__(self, path: str, observer: Observer) -> None:
        self._path = path
        self._observer = observer

    def began(self, exchange: Exchange) -> None:
        if self._sees(exchange):
            self._observer.began(exchange)

    def ended(self, exchange: Exchange) -> None:
        if self._sees(exchange):
            self._observer.ended(exchange)

    def _sees(self, exchange: Exchange) -> bool:
        return str(exchange.environment.get("PATH_INFO", "")).startswith(self._path)

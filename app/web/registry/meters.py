"""distribution's metrics, by their names (its `registry/handlers` and `registry/storage/driver/base`)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.web.registry import paths
from app.web.registry.observed import Exchange

_HANDLERS = {
    "uploads": "blob_upload",
    "upload": "blob_upload_chunk",
}
_SIZES = tuple(4.0**power for power in range(4, 17))
"""256 bytes to 4 GiB."""


class Meters:
    """Of one process. Where several serve, `PROMETHEUS_MULTIPROC_DIR` must have been set before the first import."""

    def __init__(self, ours: CollectorRegistry) -> None:
        by = ("handler", "method")
        self._requests = Counter(
            "registry_http_requests", "Total number of HTTP requests made.", ("code", *by), registry=ours
        )
        self._seconds = Histogram(
            "registry_http_request_duration_seconds", "The HTTP request latencies in seconds.", by, registry=ours
        )
        self._received = Histogram(
            "registry_http_request_size_bytes", "The HTTP request sizes in bytes.", by, registry=ours, buckets=_SIZES
        )
        self._sent = Histogram(
            "registry_http_response_size_bytes", "The HTTP response sizes in bytes.", by, registry=ours, buckets=_SIZES
        )
        self._in_flight = Gauge(
            "registry_http_in_flight_requests", "The in-flight HTTP requests.", ("handler",), registry=ours,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._storage = Histogram(
            "registry_storage_action_seconds", "The number of seconds that the storage action takes.",
            ("driver", "action"), registry=ours,
        )  # fmt: skip

    def storage_acted(self, driver: str, action: str, seconds: float) -> None:
        self._storage.labels(driver, action).observe(seconds)

    def began(self, exchange: Exchange) -> None:
        self._in_flight.labels(_handler(exchange)).inc()

    def ended(self, exchange: Exchange) -> None:
        environment, handler = exchange.environment, _handler(exchange)
        by = handler, environment["REQUEST_METHOD"].lower()
        self._in_flight.labels(handler).dec()
        self._requests.labels(str(exchange.status), *by).inc()
        self._seconds.labels(*by).observe(exchange.seconds)
        length = environment.get("CONTENT_LENGTH") or "0"
        self._received.labels(*by).observe(int(length) if length.isdecimal() else 0)
        self._sent.labels(*by).observe(exchange.written)


def _handler(exchange: Exchange) -> str:
    """What distribution calls the route; one word for all that there is none for, so that nobody makes up labels."""
    path = exchange.environment.get("PATH_INFO", "")
    if path.rstrip("/") == "/v2":
        return "base"
    kind = paths.kind_of(path.removeprefix("/v2/")) if path.startswith("/v2/") else None
    return _HANDLERS.get(kind, kind) if kind else "other"

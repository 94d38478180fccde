"""How the endpoints of our registry's notifications do, as Prometheus is told; the first name is distribution's."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from app.domain.times import SECOND_NS
from app.store.standings import Standing


def measure_endpoints(standings: Sequence[Standing], now_ns: int) -> Iterator[Metric]:
    """As known at that time."""
    by, name = "endpoint", "registry_notifications_{}".format
    behind = {one.endpoint: one.behind for one in standings}
    ages = {one.endpoint: age_s(one.oldest_ns, now_ns) for one in standings}
    parked = {one.endpoint: one.parked for one in standings}
    yield gauges(name("pending_total"), "The gauge of pending events in queue.", by, behind)
    yield gauges(name("oldest_seconds"), "The age of the oldest pending event.", by, ages)
    yield gauges(name("parked_total"), "Events that the endpoint refused and that wait for somebody.", by, parked)


def age_s(since_ns: int | None, now_ns: int) -> float:
    """Seconds since a moment; 0 if there was none, or it is still to come."""
    return 0 if since_ns is None else max(0, now_ns - since_ns) / SECOND_NS


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """One of each value of a label."""
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), number)
    return family

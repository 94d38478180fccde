"""How Tagtrail does, as Prometheus is told: what the databases say when they are asked.

Labels are names that the configuration has, and words of ours: never a repository, a tag or a person.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.domain.access import EVERYTHING
from app.domain.destinations import State
from app.domain.origins import is_silent
from app.domain.times import SECOND_NS
from app.store import head, journal, outbox
from app.store.engine import Connection, now_ns
from app.store.queries import destinations, forwards, origins
from app.store.queries.destinations import DestinationLine, Waiting
from app.store.queries.origins import OriginFacts
from app.store.standings import standings
from app.usecases.measure_endpoints import age_s, gauges, measure_endpoints


@dataclass(frozen=True, slots=True)
class Named:
    """What is configured: `origins` with the span within which each should be heard, None if nothing says so."""

    origins: Mapping[str, int | None]
    destinations: Sequence[str]
    forwards: Sequence[str]
    endpoints: Sequence[str]


def measure(connection: Connection, named: Named) -> Iterator[Metric]:
    """What the audit log's database knows."""
    now = now_ns(connection)
    yield gauges("tagtrail_build_info", "The version that answers.", "version", {version("tagtrail"): 1})
    text = "Events, and actions of operators, in the audit log."
    yield CounterMetricFamily("tagtrail_log_entries", text, value=head.last(connection))
    yield from _origins(origins.facts(connection, EVERYTHING, named.origins), named.origins, now)
    yield gauges("tagtrail_promises", "What is promised and not yet handed on.", "lane", _promised(connection))
    yield from _destinations(destinations.lines(connection, EVERYTHING, named.destinations))
    yield from _waiting(destinations.waiting(connection, EVERYTHING, named.destinations), now)
    ages = {name: age_s(forwards.oldest_ns(connection, EVERYTHING, name), now) for name in named.forwards}
    yield gauges("tagtrail_forward_oldest_seconds", "The age of the oldest change to be sent on.", "forward", ages)


def measure_journal(connection: Connection, named: Named) -> Iterator[Metric]:
    """What the journal of our own registry knows."""
    now, opened = now_ns(connection), [intent.opened_ns for intent in journal.unsettled(connection)]
    configured = [one for one in standings(connection, named.endpoints) if one.endpoint in named.endpoints]
    yield from measure_endpoints(configured, now)
    last = journal.head(connection)[1]
    yield CounterMetricFamily("tagtrail_journal_events", "Events of our own registry.", value=last)
    text = "What our own registry began and has not settled."
    yield GaugeMetricFamily("tagtrail_journal_unsettled", text, value=len(opened))
    oldest, text = age_s(min(opened, default=None), now), "The age of the oldest of these."
    yield GaugeMetricFamily("tagtrail_journal_unsettled_oldest_seconds", text, value=oldest)


def measure_rings(rings: Mapping[str, int] | None) -> Iterator[Metric]:
    """`rings` by queue; None if Redis does not answer."""
    yield GaugeMetricFamily("tagtrail_redis_up", "Whether Redis answers.", value=rings is not None)
    yield gauges("tagtrail_queue_rings", "Rings that no worker has heard yet.", "queue", rings or {})


def _promised(connection: Connection) -> Mapping[str, int]:
    """By kind of lane: some name a registry behind it."""
    found = Counter[str]()
    for lane, number in outbox.promised(connection).items():
        found[lane.partition(":")[0]] += number
    return found


def _origins(facts: Sequence[OriginFacts], expected: Mapping[str, int | None], now: int) -> Iterator[Metric]:
    by, name = "origin", "tagtrail_origin_{}".format
    yield _received(facts)
    heard = {one.origin: one.heard_ns / SECOND_NS for one in facts if one.heard_ns}
    yield gauges(name("last_received_timestamp_seconds"), "When a sender was heard last.", by, heard)
    newest = {one.origin: one.newest for one in facts if one.newest}
    lags = {origin: one.lag_ns / SECOND_NS for origin, one in newest.items() if one.lag_ns is not None}
    yield gauges(name("lag_seconds"), "From event to receipt: the median of a sender's newest events.", by, lags)
    spans = [(one, span) for one in facts if (span := expected[one.origin]) is not None]
    silent = {one.origin: is_silent(one.heard_ns or 0, span, now) for one, span in spans}
    yield gauges(name("silent"), "Whether a sender was last heard longer ago than expect_every.", by, silent)
    missing = {one.origin: one.gaps for one in facts}
    yield gauges(name("missing_events"), "Numbers of a sender's journal that were never told.", by, missing)


def _received(facts: Sequence[OriginFacts]) -> Metric:
    text = "What senders told, by what became of it."
    family = CounterMetricFamily("tagtrail_events_received", text, labels=("origin", "outcome"))
    for one in facts:
        family.add_metric((one.origin, "stored"), one.events)
        family.add_metric((one.origin, "repeated"), one.repeats)
        family.add_metric((one.origin, "ignored"), one.ignored)
        family.add_metric((one.origin, "quarantined"), one.quarantined)
    return family


def _destinations(lines: Sequence[DestinationLine]) -> Iterator[Metric]:
    text = "1 for the state in which a destination is."
    family = GaugeMetricFamily("tagtrail_destination_state", text, labels=("destination", "state"))
    for line in lines:
        for state in State:
            family.add_metric((line.name, state.value), line.state == state.value)
    yield family
    dead = {line.name: line.dead for line in lines}
    yield gauges("tagtrail_dead_letters", "Deliveries that were given up.", "destination", dead)
    flying = {line.name: line.in_flight for line in lines}
    yield gauges("tagtrail_deliveries_in_flight", "Deliveries that are being tried.", "destination", flying)


def _waiting(waiting: Mapping[str, Waiting], now: int) -> Iterator[Metric]:
    by, name = "destination", "tagtrail_deliveries_{}".format
    pending = {destination: one.pending for destination, one in waiting.items()}
    yield gauges(name("pending"), "Deliveries that have not come to an end.", by, pending)
    held = {destination: one.held for destination, one in waiting.items()}
    yield gauges(name("held"), "Those that wait for an approval, for an hour or for the end of a pause.", by, held)
    ages = {destination: age_s(one.oldest_ns, now) for destination, one in waiting.items()}
    yield gauges(name("oldest_seconds"), "The age of the oldest that is pending.", by, ages)

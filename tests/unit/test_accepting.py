"""What becomes of a report once its sender is proven: time, registry and id are settled for good."""

from dataclasses import replace

import pytest

from app.domain.events import MAX_AHEAD_NS, MIN_TIME_NS, Report, Scope, accept

RECEIVED = 1_785_499_200 * 10**9
REPORT = Report(raw=b"{}", action="push", scope=Scope.TAG, repository="a", id="e1", time_ns=RECEIVED - 5)
NAMES = ("registry.example:5000", "registry.internal")


def test_a_good_report_stays_as_it_is() -> None:
    event = accept(REPORT, "prod", NAMES, RECEIVED)
    assert (event.origin, event.event_id, event.registry, event.time_ns, event.received_ns, event.flags) == (
        "prod", "e1", "registry.example:5000", RECEIVED - 5, RECEIVED, ()
    )
    assert event.report is REPORT


@pytest.mark.parametrize(
    ("claimed_ns", "time_ns", "flags"),
    [
        (RECEIVED - 5, RECEIVED - 5, ()),
        (MIN_TIME_NS, MIN_TIME_NS, ()),
        (MIN_TIME_NS - 1, RECEIVED, ("time-implausible",)),
        (-62_135_596_800 * 10**9, RECEIVED, ("time-implausible",)),
        (RECEIVED + MAX_AHEAD_NS, RECEIVED + MAX_AHEAD_NS, ()),
        (RECEIVED + MAX_AHEAD_NS + 1, RECEIVED, ("time-implausible",)),
        (None, RECEIVED, ("time-missing",)),
    ],
)
def test_a_time_that_cannot_be_true_is_the_time_of_receipt(
    claimed_ns: int | None, time_ns: int, flags: tuple[str, ...]
) -> None:
    event = accept(replace(REPORT, time_ns=claimed_ns), "prod", NAMES, RECEIVED)
    assert (event.time_ns, event.flags) == (time_ns, flags)


@pytest.mark.parametrize(
    ("host", "registry", "flags"),
    [
        (None, "registry.example:5000", ()),
        ("registry.example:5000", "registry.example:5000", ()),
        ("registry.internal", "registry.internal", ()),
        ("registry.example", "registry.example:5000", ("foreign-host",)),
        ("evil.example", "registry.example:5000", ("foreign-host",)),
    ],
)
def test_a_foreign_host_is_never_a_key(host: str | None, registry: str, flags: tuple[str, ...]) -> None:
    event = accept(replace(REPORT, host=host), "prod", NAMES, RECEIVED)
    assert (event.registry, event.flags) == (registry, flags)
    assert event.report.host == host, "it is kept"


def test_without_an_id_the_bytes_are_the_id() -> None:
    one, again, other = (accept(replace(REPORT, id=None, raw=raw), "prod", NAMES, 0) for raw in (b"1", b"1", b"2"))
    assert one.event_id == again.event_id != other.event_id
    assert one.event_id == "body:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"


def test_flags_of_reading_and_of_accepting_stand_together() -> None:
    event = accept(replace(REPORT, flags=("tag-is-digest",), time_ns=None, host="evil"), "prod", NAMES, RECEIVED)
    assert event.flags == ("tag-is-digest", "time-missing", "foreign-host")

"""Every kind's made-up event is read by its own dialect, and recognised as that kind's."""

import uuid

import pytest

from app.domain.events import MADE_UP, accept
from app.domain.times import SECOND_NS
from app.envelopes import DIALECTS, KINDS, Received, parse
from app.envelopes.made_up import Ping, made_up
from app.envelopes.wire import value_of

NOW_NS = 1_778_320_123_456_789_000
PING = Ping(str(uuid.UUID(int=7)), "ping-1", "sha256:" + "7" * 64, "registry.example", NOW_NS)
WITHOUT_DIGEST = {"dockerhub", "gitea", "nexus", "quay"}
WITHOUT_TIME = {"jfrog", "quay"}
ID_IN_HEADER = {"ghcr", "gitea", "nexus"}
WITHOUT_ID = {"aliyun", "dockerhub", "harbor", "jfrog", "msr", "quay"}


@pytest.mark.parametrize("kind", KINDS)
def test_its_dialect_reads_one_push_and_finds_no_fault(kind: str) -> None:
    reading = parse(kind, made_up(kind, PING))
    assert reading.faults == ()
    (report,) = reading.reports
    assert (report.action, report.repository, report.tag, report.flags) == ("push", MADE_UP, "ping-1", ())
    assert report.digest == (None if kind in WITHOUT_DIGEST else PING.digest)
    assert (report.request_id if kind in ID_IN_HEADER else report.id) == (None if kind in WITHOUT_ID else PING.id)
    if kind in WITHOUT_TIME:
        assert report.time_ns is None
    else:
        assert report.time_ns is not None
        assert 0 <= NOW_NS - report.time_ns < SECOND_NS
    assert accept(report, "prod", ("registry.example",), NOW_NS).report.scope is None, "it has no part in history"


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_auto_knows_whose_it_is(kind: str) -> None:
    received = made_up(kind, PING)
    value = value_of(received.body)
    assert [name for name, dialect in DIALECTS.items() if dialect.recognises(received, value)] == [kind]
    assert parse("auto", received) == parse(kind, received)


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_two_are_two_events(kind: str) -> None:
    other = Ping("another", "ping-2", "sha256:" + "8" * 64, PING.host, NOW_NS)
    ids = {
        accept(report, "prod", ("registry.example",), NOW_NS).event_id
        for ping in (PING, other)
        for report in parse(kind, made_up(kind, ping)).reports
    }
    assert len(ids) == 2


def test_a_real_repository_of_another_name_keeps_its_part_in_history() -> None:
    body = made_up("distribution", PING).body.replace(MADE_UP.encode(), b"tagtrail/doctors")
    (report,) = parse("distribution", Received(body)).reports
    event = accept(report, "prod", ("registry.example",), NOW_NS)
    assert event.report.scope is not None
    assert "made-up" not in event.flags

"""Changes that are sent on: each in order, at least once, also what a late event altered (issue 3, item 7)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from builders import HOST, A, B, C, an_event, take_in
from listener import Listener, Reply
from sqlalchemy import Engine, select

from app.domain.signatures import Signed, SigningSecret, verify
from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.queue.jobs import Lane
from app.store import schema
from app.store.engine import make_engine, reading, writing
from app.usecases.forward import Forward, begin, forward
from workers.relay import Relay

SECRET = SigningSecret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as made:
        yield made


def address(listener: Listener, secret: SigningSecret | None = None) -> Forward:
    headers = (("Authorization", "Bearer s3cret"),)
    return Forward("siem", Url.parse(f"{listener.url}/in"), headers, secret, 2 * SECOND_NS, SECOND_NS)


def told(listener: Listener) -> list[tuple[str, str, str, str]]:
    """(type, tag, before, after) of each, in order of arrival."""
    events = [json.loads(one.body) for one in listener.heard]
    return [
        (one["type"].rpartition(".")[2], one["data"]["tag"], one["data"]["before"], one["data"]["after"])
        for one in events
    ]


def test_a_change_is_a_cloud_event(engine: Engine, door: Door) -> None:
    take_in(engine, an_event(id="one", second=1.5, actor="al\x00ice"))
    with Listener() as listener:
        assert forward(engine, address(listener), door, 0) == 1
    (heard,) = listener.heard
    assert (heard.method, heard.path, heard.headers["authorization"]) == ("POST", "/in", "Bearer s3cret")
    assert heard.headers["content-type"] == "application/cloudevents+json"
    event = json.loads(heard.body)
    change_id = event["data"].pop("change_id")
    assert event == {
        "specversion": "1.0",
        "id": f"{change_id}/1",
        "source": f"/registries/{HOST}",
        "type": "tagtrail.tag.created",
        "subject": "shop/web:stable",
        "time": "2026-05-09T09:46:41.5Z",
        "sequence": "00000000000000000001",
        "datacontenttype": "application/json",
        "data": {
            "registry": HOST, "repository": "shop/web", "tag": "stable", "before": "unknown", "after": A,
            "actor": "al\\u0000ice", "origin": "prod", "event_id": "one", "provenance": "observed",
        },
    }
    assert "webhook-signature" not in heard.headers


def test_it_is_signed_as_standard_webhooks_asks(engine: Engine, door: Door) -> None:
    take_in(engine, an_event())
    with Listener() as listener:
        forward(engine, address(listener, SECRET), door, 0)
    (heard,) = listener.heard
    at = int(heard.headers["webhook-timestamp"])
    verify([SECRET], Signed(heard.headers["webhook-id"], at, heard.body), heard.headers["webhook-signature"], at)


def test_late_events_send_again_what_they_alter(engine: Engine, door: Door) -> None:
    take_in(engine, an_event(second=10), an_event(second=30, digest=B))
    with Listener() as listener:
        to = address(listener)
        assert forward(engine, to, door, 0) == 2
        take_in(engine, an_event(second=20, digest=C))
        assert forward(engine, to, door, 0) == 2
        take_in(engine, an_event(second=5, digest=A))
        assert forward(engine, to, door, 0) == 2
        assert forward(engine, to, door, 0) == 0
    assert told(listener)[:2] == [("created", "stable", "unknown", A), ("moved", "stable", A, B)]
    assert sorted(told(listener)[2:4]) == [("moved", "stable", A, C), ("moved", "stable", C, B)]
    assert sorted(told(listener)[4:]) == [("created", "stable", "unknown", A), ("void", "stable", "unknown", A)]
    ids = [json.loads(one.body)["id"] for one in listener.heard]
    assert len(set(ids)) == len(ids) == 6


def test_what_fails_is_tried_again_and_nothing_overtakes_it(engine: Engine, door: Door) -> None:
    take_in(engine, *(an_event(second=at, tag=f"t{at}") for at in range(4)))
    with Listener([Reply(200), Reply(503), Reply(200), Reply(200), Reply(200)]) as listener:
        to = address(listener)
        assert forward(engine, to, door, 0) == 1
        assert forward(engine, to, door, 0) == 0, "it backs off"
        with writing(engine) as connection:
            connection.execute(schema.cursors.update().values(next_try_ns=0))
        assert forward(engine, to, door, 0) == 3
    assert [tag for _type, tag, *_rest in told(listener)] == ["t0", "t1", "t1", "t2", "t3"]
    first, again = listener.heard[1:3]
    assert first.body == again.body


def test_all_that_one_event_altered_goes_together_however_much(engine: Engine, door: Door) -> None:
    take_in(engine, *(an_event(second=at, tag=f"t{at}") for at in range(150)))
    take_in(engine, an_event(second=200, action="delete", tag=None, digest=None))
    with Listener() as listener:
        assert forward(engine, address(listener), door, 0) == 300
    assert [kind for kind, *_rest in told(listener)] == ["created"] * 150 + ["removed"] * 150


def test_a_new_address_hears_what_is_told_from_then_on(engine: Engine, door: Door) -> None:
    take_in(engine, an_event(second=1))
    begin(engine, ["siem"])
    take_in(engine, an_event(second=2, digest=B))
    begin(engine, ["siem"])
    with Listener() as listener:
        assert forward(engine, address(listener), door, 0) == 1
    assert told(listener) == [("moved", "stable", A, B)]


class Recorded:
    """A bell that keeps what it was rung for."""

    def __init__(self) -> None:
        self.rung: list[Lane] = []

    def ring(self, lane: Lane) -> None:
        self.rung.append(lane)


def test_the_relay_rings_while_an_address_lags(engine: Engine, door: Door, tmp_path: Any) -> None:
    bell = Recorded()
    journal = make_engine(f"sqlite:///{tmp_path}/unused.db")
    relay = Relay(engine, journal, bell, (), {"forward:siem": "siem"}, None)
    take_in(engine, an_event(second=1))
    with Listener() as listener:
        relay.round()
        assert Lane("forward", "siem") in bell.rung
        forward(engine, address(listener), door, 0)
        bell.rung.clear()
        relay.round()
    assert Lane("forward", "siem") not in bell.rung
    journal.dispose()


def _altered(engine: Engine) -> Sequence[tuple[str, int]]:
    with reading(engine) as connection:
        query = select(schema.changes.c.event_id, schema.changes.c.altered_seq).order_by(schema.changes.c.event_id)
        return [(row.event_id, row.altered_seq) for row in connection.execute(query)]


def test_each_change_knows_the_event_that_altered_it_last(engine: Engine) -> None:
    take_in(engine, an_event(id="a", second=10), an_event(id="c", second=30, digest=B))
    assert _altered(engine) == [("a", 1), ("c", 2)]
    take_in(engine, an_event(id="b", second=20, digest=C))
    assert _altered(engine) == [("a", 1), ("b", 3), ("c", 3)]

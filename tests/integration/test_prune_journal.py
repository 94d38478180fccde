"""The journal keeps what somebody still has to be told, or may have to be told again."""

import json

import pytest
from journalling import Place, place
from listener import Listener, Reply, listener
from sqlalchemy import select, update

from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.registry.notify import Fact
from app.store import parked, schema
from app.store.engine import reading, writing
from app.store.parked import Missed
from app.usecases import prune_journal as module
from app.usecases.notify import Receiver, notify
from app.usecases.prune_journal import prune_journal

__all__ = ["listener", "place"]


def happen(place: Place, *tags: str) -> None:
    for tag in tags:
        with place.listener.writing([Fact("delete", "tag", "shop/web", tag=tag)]):
            pass


def age(place: Place) -> None:
    with writing(place.engine) as connection:
        connection.execute(update(schema.journal).values(opened_ns=schema.journal.c.opened_ns - 2 * module.KEPT_NS))


def kept(place: Place) -> list[int]:
    with reading(place.engine) as connection:
        return list(connection.execute(select(schema.journal.c.seq).order_by(schema.journal.c.seq)).scalars())


def send(place: Place, listener: Listener, name: str) -> None:
    url = Url.parse(f"{listener.url}/{name}")
    receiver = Receiver(name, url, (), 2 * SECOND_NS, SECOND_NS)
    with Door() as door:
        notify(place.engine, receiver, door, 0)


def test_what_all_were_told_goes(place: Place, listener: Listener) -> None:
    happen(place, "a", "b", "c")
    send(place, listener, "audit")
    happen(place, "d")
    age(place)
    assert prune_journal(place.engine, ["audit"]) == 3
    assert kept(place) == [4]
    send(place, listener, "audit")
    told = json.loads(listener.heard[-1].body)["events"][0]
    assert (told["target"]["tag"], told["tagtrail"]["previous"]) == ("d", 3)  # as if nothing had gone


def test_the_slowest_decides(place: Place, listener: Listener) -> None:
    happen(place, "a", "b")
    send(place, listener, "audit")
    listener.answer = lambda _: Reply(503)
    send(place, listener, "slow")
    age(place)
    assert prune_journal(place.engine, ["audit", "slow"]) == 0
    assert prune_journal(place.engine, ["audit", "new"]) == 0


def test_an_endpoint_that_was_disabled_meanwhile_is_shown_a_gap(place: Place, listener: Listener) -> None:
    happen(place, "a")
    send(place, listener, "off")
    happen(place, "b", "c")
    send(place, listener, "audit")
    age(place)
    assert prune_journal(place.engine, ["audit"]) == 3
    happen(place, "d", "e")
    send(place, listener, "off")
    told = [json.loads(heard.body)["events"][0]["tagtrail"] for heard in listener.heard if heard.path == "/off"]
    assert [(one["sequence"], one["previous"]) for one in told] == [(1, 0), (4, 3), (5, 4)]


def test_what_is_parked_stays(place: Place, listener: Listener) -> None:
    happen(place, "a", "b", "c")
    send(place, listener, "audit")
    with writing(place.engine) as connection:
        parked.park(connection, "audit", Missed(2, 1), "answered 400", 1)
    age(place)
    assert prune_journal(place.engine, ["audit"]) == 2
    assert kept(place) == [2]


def test_the_young_stay_and_so_does_what_is_under_way(place: Place, listener: Listener) -> None:
    happen(place, "a", "b")
    send(place, listener, "audit")
    assert prune_journal(place.engine, ["audit"]) == 0
    with place.listener.writing([Fact("delete", "tag", "shop/web", tag="c")]):
        age(place)
        assert prune_journal(place.engine, ["audit"]) == 2
    assert kept(place) == [3]


def test_what_waits_for_an_endpoint_that_is_not_there_now_stays(place: Place) -> None:
    happen(place, "a", "b")
    age(place)
    assert prune_journal(place.engine, []) == 0


def test_in_pieces(place: Place, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    happen(place, "a", "b", "c", "d", "e")
    send(place, listener, "audit")
    age(place)
    assert prune_journal(place.engine, ["audit"]) == 5
    happen(place, "f")
    assert kept(place) == [6], "numbers go on"

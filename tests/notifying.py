"""What tests of endpoints share: a place, who listens, and how often it is tried."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from journalling import Place
from listener import Heard, Listener, Reply
from sqlalchemy import Row, select

from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.registry.notify import Fact
from app.store import schema
from app.store.engine import reading, writing
from app.usecases.notify import Receiver, notify


@dataclass(frozen=True)
class Wire:
    """An endpoint that is told of what happens in `place`."""

    place: Place
    listener: Listener
    door: Door
    receiver: Receiver

    def happen(self, *tags: str, repository: str = "shop/web") -> None:
        for tag in tags:
            with self.place.listener.writing([Fact("delete", "tag", repository, tag=tag)]):
                pass

    def send(self, receiver: Receiver | None = None) -> int:
        """One drain, whatever it had to wait for."""
        with writing(self.place.engine) as connection:
            connection.execute(schema.cursors.update().values(next_try_ns=0))
        return notify(self.place.engine, receiver or self.receiver, self.door, 0.0)

    def refuse(self, tag: str, status: int) -> None:
        """From now on, whatever has `tag` in it is answered so."""
        self.listener.answer = lambda heard: Reply(status if tag in tags_of(heard) else 200)

    @property
    def tags(self) -> list[str]:
        """In the order of arrival."""
        return [tag for heard in self.listener.heard for tag in tags_of(heard)]

    @property
    def ours(self) -> list[dict[str, Any]]:
        """What we tell beside, of each event that arrived."""
        return [event["tagtrail"] for heard in self.listener.heard for event in json.loads(heard.body)["events"]]

    @property
    def cursor(self) -> Row[Any]:
        with reading(self.place.engine) as connection:
            return connection.execute(select(schema.cursors)).one()

    @property
    def parked(self) -> list[Row[Any]]:
        with reading(self.place.engine) as connection:
            return list(connection.execute(select(schema.parked).order_by(schema.parked.c.seq)))


def tags_of(heard: Heard) -> list[str]:
    return [event["target"]["tag"] for event in json.loads(heard.body)["events"]]


@pytest.fixture
def wire(place: Place) -> Iterator[Wire]:
    with Listener() as listener, Door() as door:
        receiver = Receiver("audit", Url.parse(f"{listener.url}/hooks"), (), 2 * SECOND_NS, SECOND_NS, park_after=3)
        yield Wire(place, listener, door, receiver)

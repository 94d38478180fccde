"""Sends a delivery once more because somebody says so."""

from dataclasses import replace

from app.domain.deliveries import EXPIRES_NS
from app.domain.destinations import woken
from app.domain.errors import TagtrailError
from app.store import actions, approvals, deliveries, destinations
from app.store.actions import Action
from app.store.engine import Connection, Engine, now_ns, writing
from app.usecases.new_id import new_id


class UnknownDeliveryError(TagtrailError):
    def __init__(self, identity: str) -> None:
        super().__init__(f"no delivery {identity!r}; `tagtrail deliveries` lists them")
        self.identity = identity


def redeliver(engine: Engine, identity: str, by: str, *, as_new: bool = False) -> str:
    """Make the delivery due now: the same id and bytes, or `as_new` the same bytes under a new id. The id.

    `by` is who says so, as the log of actions names people. A destination that backs off or is disabled gets a try.
    """
    with writing(engine) as connection:
        found = deliveries.get(connection, identity)
        if found is None:
            raise UnknownDeliveryError(identity)
        now = now_ns(connection)
        wake(connection, found.destination, now)
        expires_ns = now + EXPIRES_NS[found.purpose]
        sent = new_id() if as_new else identity
        if as_new:
            deliveries.copy(connection, identity, sent, now, expires_ns)
            if asked := approvals.of(connection, [identity]).get(identity):
                approvals.add(connection, replace(asked, delivery_id=sent), None)
        else:
            deliveries.again(connection, identity, now, expires_ns)
        actions.add(connection, Action(by, "delivery.redeliver", identity, {"sent": sent}))
        return sent


def wake(connection: Connection, destination: str, now: int) -> None:
    """Have a destination that backs off or is disabled get a try."""
    before = destinations.lock(connection, destination)
    if (after := woken(before, now)) != before:
        destinations.save(connection, destination, after)

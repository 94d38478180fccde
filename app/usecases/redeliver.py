"""Sends a delivery once more because somebody says so."""

from app.domain.deliveries import EXPIRES_NS
from app.domain.errors import TagtrailError
from app.store import deliveries
from app.store.engine import Engine, now_ns, writing
from app.usecases.fan_out import new_id


class UnknownDeliveryError(TagtrailError):
    def __init__(self, identity: str) -> None:
        super().__init__(f"no delivery {identity!r}; `tagtrail deliveries` lists them")
        self.identity = identity


def redeliver(engine: Engine, identity: str, *, as_new: bool = False) -> str:
    """Make the delivery due now: the same id and bytes, or `as_new` the same bytes under a new id. The id."""
    with writing(engine) as connection:
        found = deliveries.get(connection, identity)
        if found is None:
            raise UnknownDeliveryError(identity)
        now = now_ns(connection)
        expires_ns = now + EXPIRES_NS[found.purpose]
        if not as_new:
            deliveries.again(connection, identity, now, expires_ns)
            return identity
        fresh = new_id()
        deliveries.copy(connection, identity, fresh, now, expires_ns)
        return fresh

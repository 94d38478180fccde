"""Drops what was given up, because somebody says that it need not go any more."""

from app.domain.errors import TagtrailError
from app.store import actions, dead, deliveries
from app.store.actions import Action
from app.store.engine import Engine, writing
from app.usecases.redeliver import UnknownDeliveryError


class NotDeadError(TagtrailError):
    """Only what was given up can be dropped."""

    def __init__(self, identity: str, status: str) -> None:
        super().__init__(f"{identity} is {status}; only what is dead can be dropped")


def drop(engine: Engine, identity: str, by: str, reason: str) -> None:
    """Take the delivery off the dead letters, for `reason`. Raises UnknownDeliveryError, NotDeadError."""
    with writing(engine) as connection:
        found = deliveries.get(connection, identity)
        if found is None:
            raise UnknownDeliveryError(identity)
        if not dead.drop(connection, identity, f"by {by}: {reason}"):
            raise NotDeadError(identity, found.status)
        actions.add(connection, Action(by, "delivery.drop", identity, {"reason": reason, "was": found.reason}))

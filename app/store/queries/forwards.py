"""How those do to whom changes are sent on."""

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.store.cursors import FORWARDS
from app.store.schema import changes, cursors


def oldest_ns(connection: Connection, scope: AccessScope, name: str) -> int | None:
    """When the first change was recorded that is still to be sent on to `name`; None if none is.

    Raises LimitedScopeError.
    """
    scope.require_everything("how forwarding does")
    at = select(cursors.c.seq).where(cursors.c.endpoint == f"{FORWARDS}{name}").scalar_subquery()
    query = select(changes.c.recorded_ns).where(changes.c.altered_seq > at).order_by(changes.c.altered_seq).limit(1)
    return connection.execute(query).scalar_one_or_none()

"""Bodies that could not be read: nothing authentic is thrown away (decision 1)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from app.store.schema import quarantine

KEPT_BYTES = 65_536
"""How much is kept of a body that is too large."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """`reason` is one of unreadable, too-large, id-conflict. `length` and `sha256` are of the whole body.

    `headers`: those that matter when it is read again, as a JSON object; none carries a secret.
    """

    id: str
    origin: str
    received_ns: int
    reason: str
    detail: str
    content_type: str | None
    headers: str | None
    length: int
    sha256: str
    body: bytes


def add(connection: Connection, rejected: Sequence[Rejected]) -> None:
    if rejected:
        connection.execute(insert(quarantine), [asdict(one) for one in rejected])


def get(connection: Connection, identity: str) -> Rejected | None:
    row = connection.execute(select(quarantine).where(quarantine.c.id == identity)).one_or_none()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in Rejected.__dataclass_fields__}
    return Rejected(**values)


def unresolved(connection: Connection, origin: str | None = None) -> list[str]:
    """Ids of what nobody has taken in yet, oldest first."""
    query = select(quarantine.c.id).where(quarantine.c.resolved_ns.is_(None)).order_by(quarantine.c.received_ns)
    if origin is not None:
        query = query.where(quarantine.c.origin == origin)
    return list(connection.execute(query).scalars())


def resolve(connection: Connection, identity: str, now_ns: int) -> None:
    connection.execute(update(quarantine).where(quarantine.c.id == identity).values(resolved_ns=now_ns))

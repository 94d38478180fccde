"""What waits for somebody's word, and the word. Of the secret in a link only its SHA-256 is here."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, insert, select, update

from app.domain.approvals import Approval
from app.store.schema import approvals

_COLUMNS = [approvals.c[name] for name in Approval.__dataclass_fields__]


def add(connection: Connection, asked: Approval, link: bytes | None) -> None:
    values = {name: getattr(asked, name) for name in Approval.__dataclass_fields__}
    connection.execute(insert(approvals).values(**values, link=link))


def of(connection: Connection, ids: Sequence[str]) -> dict[str, Approval]:
    """By delivery."""
    return _found(connection, approvals.c.delivery_id.in_(ids))


def with_link(connection: Connection, link: bytes) -> Approval | None:
    return next(iter(_found(connection, approvals.c.link == link).values()), None)


def decide(connection: Connection, decided: Approval) -> bool:
    """Write a decision; False if there is one already."""
    open_still = (approvals.c.delivery_id == decided.delivery_id, approvals.c.decision.is_(None))
    values = {name: getattr(decided, name) for name in ("decision", "decided_ns", "actor", "note")}
    return connection.execute(update(approvals).where(*open_still).values(values)).rowcount == 1


def _found(connection: Connection, condition: ColumnElement[bool]) -> dict[str, Approval]:
    rows = connection.execute(select(*_COLUMNS).where(condition))
    return {row.delivery_id: Approval(*row) for row in rows}

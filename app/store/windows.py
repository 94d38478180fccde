"""Settle windows: what waits for its destination until nothing more comes. Rows, so they outlive any process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app.domain.settling import Settle
from app.store.deliveries import TakenError
from app.store.schema import window_changes, windows


@dataclass(frozen=True, slots=True)
class Place:
    """What a window is for. A channel's are for all registries and repositories: both are ''."""

    destination: str
    registry: str = ""
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a window: the id of a change, or event:SEQ, and the rule that sends it."""

    subject: str
    rule: str
    rule_version: str


@dataclass(frozen=True, slots=True)
class Window:
    id: int
    waiting: tuple[Waiting, ...]


def waiting_already(connection: Connection, subjects: Collection[str]) -> set[tuple[str, str]]:
    """Of `subjects` the (subject, destination) pairs that are in an open window."""
    query = select(window_changes.c.subject, window_changes.c.destination).where(
        window_changes.c.subject.in_(list(subjects))
    )
    return {(row.subject, row.destination) for row in connection.execute(query)}


def join(connection: Connection, place: Place, waiting: Sequence[Waiting], now_ns: int, settle: Settle) -> None:
    """Have more wait at `place`, in the window that is open there or in a new one. Raises TakenError."""
    values = {
        "destination": place.destination,
        "registry": place.registry,
        "repository": place.repository,
        "opened_ns": now_ns,
        "closes_ns": now_ns + min(settle.after_ns, settle.most_ns),
        "most_ns": settle.most_ns,
    }
    window_id = connection.execute(_opened(connection.dialect.name), values).scalar_one()
    rows = [
        {
            "destination": place.destination,
            "subject": one.subject,
            "window_id": window_id,
            "rule": one.rule,
            "rule_version": one.rule_version,
        }
        for one in waiting
    ]
    try:
        connection.execute(insert(window_changes), rows)
    except IntegrityError as error:
        raise TakenError("waits already") from error


@cache
def _opened(dialect: str) -> Any:
    """Open a window or keep an open one from closing, though not beyond its longest; its id."""
    make: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    least = func.min if dialect == "sqlite" else func.least
    statement = make(windows).values(
        **{name: bindparam(name) for name in ("destination", "registry", "repository", "opened_ns", "closes_ns")}
    )
    return statement.on_conflict_do_update(
        index_elements=["destination", "registry", "repository"],
        set_={
            "closes_ns": least(statement.excluded.closes_ns, windows.c.opened_ns + bindparam("most_ns")),
        },
    ).returning(windows.c.id)


def due_destinations(connection: Connection, now_ns: int) -> set[str]:
    query = select(windows.c.destination).where(windows.c.closes_ns <= now_ns).distinct()
    return set(connection.execute(query).scalars())


def due(connection: Connection, destination: str, now_ns: int) -> Window | None:
    """The window of `destination` that is to close longest, locked until the transaction ends."""
    query = (
        select(windows.c.id)
        .where(windows.c.destination == destination, windows.c.closes_ns <= now_ns)
        .order_by(windows.c.closes_ns)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        return None
    columns = (window_changes.c.subject, window_changes.c.rule, window_changes.c.rule_version)
    rows = connection.execute(select(*columns).where(window_changes.c.window_id == found))
    return Window(found, tuple(Waiting(*row) for row in rows))


def postpone(connection: Connection, window: Window, closes_ns: int) -> None:
    connection.execute(update(windows).where(windows.c.id == window.id).values(closes_ns=closes_ns))


def close(connection: Connection, window: Window) -> None:
    connection.execute(delete(window_changes).where(window_changes.c.window_id == window.id))
    connection.execute(delete(windows).where(windows.c.id == window.id))

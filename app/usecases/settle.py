"""Closes settle windows: what waited there becomes deliveries (issue 4)."""

from collections.abc import Mapping

from app.domain.deliveries import is_deploy
from app.domain.settling import Indexes, Member
from app.pausepoints import pause
from app.remote.client import RemoteRegistry
from app.store import windows
from app.store.engine import Connection, Engine, now_ns, reading, writing
from app.store.sent import nth_last_ns
from app.store.windows import Window
from app.usecases.fan import Fan
from app.usecases.index_parts import index_parts
from app.usecases.tell import tell
from app.usecases.write_deliveries import write_deliveries


def settle(engine: Engine, fan: Fan, destination: str, remotes: Mapping[str, RemoteRegistry]) -> int:
    """Close every window of `destination` whose time has come; how many.

    `remotes` are asked what an index consists of, before the transaction that closes its window.
    """
    closed = 0
    while waiting := _waiting(engine, destination):
        indexes = index_parts(engine, remotes, [one.told for one in waiting]) if is_deploy(destination) else {}
        pause("settle.asked")
        with writing(engine) as connection:
            window = windows.due(connection, destination, now_ns(connection))
            if window is None or not _may_close(connection, fan, destination, window):
                break
            _close(connection, fan, destination, window, indexes)
            pause("settle.before-commit")
        pause("settle.closed")
        closed += 1
    return closed


def _waiting(engine: Engine, destination: str) -> list[Member]:
    """What waits in the window that is to close next."""
    with reading(engine) as connection:
        window = windows.due(connection, destination, now_ns(connection))
        return _members(connection, window) if window else []


def _may_close(connection: Connection, fan: Fan, destination: str, window: Window) -> bool:
    """Whether the limit of `destination` has room; else the window stays open until it has, and takes more in."""
    limit = fan.limits.get(destination)
    if limit is None:
        return True
    now = now_ns(connection)
    free_ns = limit.free_ns(nth_last_ns(connection, destination, limit.count, now - limit.per_ns))
    if free_ns > now:
        windows.postpone(connection, window, free_ns)
    return free_ns <= now


def _members(connection: Connection, window: Window) -> list[Member]:
    told = {one.subject: one for one in tell(connection, [one.subject for one in window.waiting], 0)}
    found = [
        Member(one.subject, told[one.subject].told, one.rule, one.rule_version, told[one.subject].outcome)
        for one in window.waiting
        if one.subject in told
    ]
    return sorted(found, key=lambda one: one.told.time_ns)


def _close(connection: Connection, fan: Fan, destination: str, window: Window, indexes: Indexes) -> None:
    members = _members(connection, window)
    windows.close(connection, window)
    if destination in fan.sinks and members:
        write_deliveries(connection, fan, destination, members, indexes)

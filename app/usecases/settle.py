"""Closes settle windows: what waited there becomes deliveries (issue 4)."""

from app.domain.settling import Member
from app.store import windows
from app.store.engine import Connection, Engine, now_ns, writing
from app.store.windows import Window
from app.usecases.fan import Fan
from app.usecases.tell import tell
from app.usecases.write_deliveries import write_deliveries


def settle(engine: Engine, fan: Fan, destination: str) -> int:
    """Close every window of `destination` whose time has come; how many."""
    closed = 0
    while True:
        with writing(engine) as connection:
            window = windows.due(connection, destination, now_ns(connection))
            if window is None:
                return closed
            _close(connection, fan, destination, window)
        closed += 1


def _close(connection: Connection, fan: Fan, destination: str, window: Window) -> None:
    told = {one.subject: one for one in tell(connection, [one.subject for one in window.waiting], 0)}
    members = [
        Member(one.subject, told[one.subject].told, one.rule, one.rule_version, told[one.subject].outcome)
        for one in window.waiting
        if one.subject in told
    ]
    windows.close(connection, window)
    if destination in fan.sinks and members:
        members.sort(key=lambda one: one.told.time_ns)
        write_deliveries(connection, fan, destination, members)

"""Opens and closes destinations because somebody says so."""

import difflib
from collections.abc import Collection

from app.domain.destinations import Condition, disabled, woken
from app.domain.errors import TagtrailError
from app.store import actions, destinations
from app.store.actions import Action
from app.store.engine import Engine, now_ns, writing


class UnknownDestinationError(TagtrailError):
    def __init__(self, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`tagtrail destination list` shows all"
        super().__init__(f"the configuration has no {name!r}; {hint}")


def enable(engine: Engine, name: str, by: str) -> Condition:
    """Let the next delivery find out whether `name` works; what has waited and not expired goes out. How it is now."""
    with writing(engine) as connection:
        before = destinations.lock(connection, name)
        after = woken(before, now_ns(connection))
        destinations.save(connection, name, after)
        actions.add(connection, Action(by, "destination.enable", name, {"was": before.state.value}))
    return after


def disable(engine: Engine, name: str, by: str, reason: str | None) -> Condition:
    """Send nothing to `name` until somebody enables it; what comes meanwhile waits, and expires in its time."""
    with writing(engine) as connection:
        before = destinations.lock(connection, name)
        after = disabled(before, f"by {by}" + (f": {reason}" if reason else ""), now_ns(connection))
        destinations.save(connection, name, after)
        actions.add(connection, Action(by, "destination.disable", name, {"reason": reason}))
    return after

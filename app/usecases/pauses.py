"""Holds deploys back because somebody says so, and lets them go. History goes on meanwhile."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from app.domain.errors import TagtrailError
from app.domain.holds import EVERYTHING, Pause
from app.domain.rules import Rule
from app.domain.times import rfc3339_nano
from app.store import actions, held, pauses
from app.store.actions import Action
from app.store.engine import Engine, now_ns, writing


class UnknownScopeError(TagtrailError):
    """Nothing by that name can be paused, or is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pause that somebody asks for; see Pause."""

    scope: str
    until_ns: int | None
    reason: str | None


def scopes(rules: Collection[Rule], destinations: Collection[str]) -> list[str]:
    """What can be paused."""
    return [EVERYTHING, *(f"rule:{rule.name}" for rule in rules), *destinations]


def pause(engine: Engine, wanted: Wanted, known: Collection[str], by: str) -> Pause:
    """Hold back what `wanted` names, one of the scopes `known`. Raises UnknownScopeError."""
    if wanted.scope not in known:
        raise UnknownScopeError(f"nothing is called {wanted.scope[:100]!r}; {_hint(wanted.scope, known)}")
    with writing(engine) as connection:
        until = None if wanted.until_ns is None else rfc3339_nano(wanted.until_ns)
        actions.add(connection, Action(by, "pause", wanted.scope, {"until": until, "reason": wanted.reason}))
        made = Pause(wanted.scope, now_ns(connection), wanted.until_ns, by, wanted.reason)
        pauses.put(connection, made)
        return made


def resume(engine: Engine, scope: str, by: str) -> None:
    """Let go what only this pause held, at once. Raises UnknownScopeError."""
    with writing(engine) as connection:
        if not pauses.lift(connection, scope):
            raise UnknownScopeError(f"{scope[:100]!r} is not paused; `tagtrail pauses` lists what is")
        actions.add(connection, Action(by, "resume", scope))
        held.wake(connection, now_ns(connection))


def _hint(scope: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(scope, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"

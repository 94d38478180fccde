"""Writes down which configuration is in force, whenever it is another one than before."""

from collections.abc import Mapping
from typing import Any

from app.store import actions, head
from app.store.actions import Action
from app.store.engine import Connection, Engine, reading, writing
from app.store.presence import has_tables

VERB = "configuration.seen"


def note_configuration(engine: Engine, by: str, fingerprint: Mapping[str, Any]) -> None:
    """`fingerprint` tells configurations apart and holds no secret. Several processes may start at once."""
    with reading(engine) as connection:
        if not has_tables(connection) or _is_known(connection, fingerprint):
            return
    with writing(engine) as connection:
        head.lock(connection)
        if not _is_known(connection, fingerprint):
            actions.add(connection, Action(by, VERB, "configuration", fingerprint))


def _is_known(connection: Connection, fingerprint: Mapping[str, Any]) -> bool:
    last = actions.last_of(connection, VERB)
    return last is not None and last.detail == fingerprint

"""Writes down which configuration is in force, whenever it is another one than before."""

import logging
from collections.abc import Mapping
from typing import Any

from app.store import actions, head
from app.store.actions import Action
from app.store.engine import Connection, Engine, UnavailableError, make_engine, reading, writing
from app.store.presence import has_tables

log = logging.getLogger(__name__)

VERB = "configuration.seen"


def note_configuration(database_url: str, by: str, fingerprint: Mapping[str, Any]) -> None:
    """`fingerprint` tells configurations apart and holds no secret. Several processes may start at once.

    Without tables there is no log yet; a database that is away keeps nobody from starting.
    """
    engine = make_engine(database_url)
    try:
        _note(engine, Action(by, VERB, "configuration", fingerprint))
    except UnavailableError as error:
        log.warning("the configuration is not in the log of actions: %s", error)
    finally:
        engine.dispose()


def _note(engine: Engine, seen: Action) -> None:
    with reading(engine) as connection:
        if not has_tables(connection) or _is_known(connection, seen.detail):
            return
    with writing(engine) as connection:
        head.lock(connection)
        if not _is_known(connection, seen.detail):
            actions.add(connection, seen)


def _is_known(connection: Connection, fingerprint: Mapping[str, Any]) -> bool:
    last = actions.last_of(connection, VERB)
    return last is not None and last.detail == fingerprint

"""Writes down what somebody does, where that is no single transaction of its own."""

from app.store import actions
from app.store.actions import Action
from app.store.engine import Engine, writing


def note_action(engine: Engine, action: Action) -> None:
    with writing(engine) as connection:
        actions.add(connection, action)

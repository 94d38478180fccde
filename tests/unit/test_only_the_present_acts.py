"""What becomes of a change's fan-out (decision 9)."""

import pytest

from app.domain.changes import Change, Kind, TagKey, TagState
from app.domain.events import Order, Provenance
from app.domain.fan_out import LATE, MOVED_ON, PENDING, TOO_OLD, first_outcome, outcome_now

KEY = TagKey("registry.example", "shop/web", "stable")
DIGEST = "sha256:" + "a" * 64


def change(time_ns: int = 100, identity: str = "this") -> Change:
    order = Order(time_ns, 0, "e1", "prod")
    return Change(identity, KEY, Kind.MOVED, "unknown", DIGEST, order, Provenance.OBSERVED, None)


def present(identity: str = "this") -> TagState:
    return TagState(points_to=DIGEST, seen=True, change_id=identity)


@pytest.mark.parametrize(
    ("present", "was_last_ns", "too_old_before_ns", "outcome"),
    [
        (present(), 99, 100, PENDING),
        (present(), 99, 101, TOO_OLD),
        (present("another"), 99, 0, MOVED_ON),
        (present("another"), 100, 0, LATE),
        (present("another"), 101, 0, LATE),
        (present(), 100, 0, PENDING),
        (present(), 200, 101, TOO_OLD),
    ],
)
def test_when_a_change_is_written(present: TagState, was_last_ns: int, too_old_before_ns: int, outcome: str) -> None:
    assert first_outcome(change(), present, was_last_ns, too_old_before_ns) == outcome


@pytest.mark.parametrize(
    ("present", "too_old_before_ns", "outcome"),
    [(present(), 100, PENDING), (present(), 101, TOO_OLD), (present("another"), 0, MOVED_ON), (None, 0, MOVED_ON)],
)
def test_when_its_turn_has_come(present: TagState | None, too_old_before_ns: int, outcome: str) -> None:
    assert outcome_now(change(), present, too_old_before_ns) == outcome

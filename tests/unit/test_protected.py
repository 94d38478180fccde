"""Which changes are alarming."""

import pytest
from tellings import told

from app.domain.protected import Protected

RELEASES = Protected(None, ("channel:ops",), "0")


@pytest.mark.parametrize("tag", ["1.2", "v1.2.3", "1.2.3-rc.1"])
@pytest.mark.parametrize("kind", ["moved", "removed", "restored"])
def test_a_release_that_moves_or_vanishes(tag: str, kind: str) -> None:
    assert RELEASES.alarms(told(tag=tag, kind=kind))


@pytest.mark.parametrize(
    ("tag", "kind"), [("v1.2.3", "created"), ("v1.2.3", "pulled"), ("stable", "moved"), (None, "moved")]
)
def test_what_alarms_nobody(tag: str | None, kind: str) -> None:
    assert not RELEASES.alarms(told(tag=tag, kind=kind))


def test_other_tags_may_be_named() -> None:
    named = Protected(("stable", "prod-*"), (), "0")
    moved = [tag for tag in ("stable", "prod-eu", "v1.2.3") if named.alarms(told(tag=tag, kind="moved"))]
    assert moved == ["stable", "prod-eu"]
    assert not Protected((), (), "0").alarms(told(tag="v1.2.3", kind="moved"))

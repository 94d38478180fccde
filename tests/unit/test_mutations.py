"""A short run of `tests/mutations.py`, and proof that its checks bite."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from mutations import check, run, samples
from origins_on_disk import received

from app.domain.events import Report, Scope
from app.domain.origins import AUTO
from app.envelopes import Reading, parse


def test_spoilt_bodies_of_every_sender() -> None:
    tally = run(20_000, seed=3)
    assert tally.total() == 20_000
    for kind in {sample.kind for sample in samples()} | {AUTO}:
        assert tally[f"{kind}: events"], kind
        assert tally[f"{kind}: faults"], kind


LIES: list[Callable[[Report], Report]] = [
    lambda told: replace(told, tag="2.4.2"),
    lambda told: replace(told, tag="x:y"),
    lambda told: replace(told, digest="sha256:" + "0" * 64),
    lambda told: replace(told, digest=None),
    lambda told: replace(told, scope=Scope.MANIFEST),
    lambda told: replace(told, action="pull"),
    lambda told: replace(told, repository=""),
    lambda told: replace(told, actor="a" * 2000),
    lambda told: replace(told, actor="\x00"),
    lambda told: replace(told, size=-1),
    lambda told: replace(told, raw=b"{}"),
]


@pytest.mark.parametrize("lie", LIES)
def test_the_check_finds_what_a_dialect_made_up(lie: Callable[[Report], Report]) -> None:
    sent = received("ecr", "push")
    (told,) = parse("ecr", sent).reports
    check("ecr", sent, Reading((told,)))
    with pytest.raises(AssertionError):
        check("ecr", sent, Reading((lie(told),)))


def test_the_check_finds_what_was_lost() -> None:
    with pytest.raises(AssertionError, match="something authentic was lost"):
        check("ecr", received("ecr", "push"), Reading())


def test_a_repeated_key_and_what_is_in_base64_count_as_written() -> None:
    sent = received("gar", "wrapped-push-tag")
    check("gar", sent, parse("gar", sent))
    twice = replace(sent, body=sent.body.replace(b'"message": {', b'"message": {"data": 7, ', 1))
    check("gar", twice, parse("gar", twice))

"""A request is told of once, when its last byte is out or nobody waits for it any more."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from app.settings.registry import Http
from app.web.registry.observed import Exchange, Observed
from app.wsgi_alone import finish_within


class Kept:
    def __init__(self) -> None:
        self.begun = 0
        self.done: list[Exchange] = []

    def began(self, exchange: Exchange) -> None:
        self.begun += 1

    def ended(self, exchange: Exchange) -> None:
        self.done.append(exchange)


class Body:
    """Two pieces, and whether somebody let go of them."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"abc", b"de")

    def close(self) -> None:
        self.closed = True


def answered(kept: Kept, body: Iterable[bytes]) -> Any:
    def app(_environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("206 Partial Content", [("Content-TYPE", "text/plain")])
        return body

    return Observed(app, [kept])({"REQUEST_METHOD": "GET"}, lambda *_: None)


def test_all_of_it() -> None:
    kept, body = Kept(), Body()
    answer = answered(kept, body)
    assert (b"".join(answer), kept.begun, kept.done) == (b"abcde", 1, [])
    answer.close()
    answer.close()
    (exchange,) = kept.done
    assert (exchange.status, exchange.content_type, exchange.written) == (206, "text/plain", 5)
    assert exchange.seconds > 0
    assert body.closed


def test_a_client_that_goes_in_the_middle_or_before() -> None:
    for pieces in (1, 0):
        kept, body = Kept(), Body()
        answer = answered(kept, body)
        for _ in range(pieces):
            next(iter(answer))
        del answer  # a server that closes nothing
        assert [exchange.written for exchange in kept.done] == [3 * pieces]
        assert body.closed


def test_an_app_that_fails() -> None:
    def app(*_: Any) -> Iterable[bytes]:
        raise RuntimeError

    kept = Kept()
    with pytest.raises(RuntimeError):
        Observed(app, [kept])({}, lambda *_: None)
    assert [exchange.status for exchange in kept.done] == [500]


@pytest.mark.parametrize(("drain", "seconds"), [("0", 20), ("5s", 20), ("60s", 60), ("61500ms", 62)])
def test_how_long_requests_may_take_at_the_end(drain: str, seconds: int) -> None:
    assert finish_within(Http(draintimeout=drain)) == seconds  # type: ignore[arg-type]

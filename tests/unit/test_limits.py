"""How a limit is read."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.limits import Limit


def test_a_limit_is_so_many_within_a_time() -> None:
    assert Limit.parse("10/1m") == Limit(10, 60_000_000_000)
    assert (Limit(1, 5).free_ns(None), Limit(1, 5).free_ns(7)) == (0, 12)


@pytest.mark.parametrize("text", ["", "10", "10/0s", "0/1m", "/1m", "10/", "-1/1m", "1.5/1m", 10, None, ["1/1m"]])
def test_another_text_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="write"):
        Limit.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert Limit.parse(text).count > 0

"""Text from outside: stored without loss, shown without effect."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.text import printable, storable

ANY = st.text(st.characters())
"""With NUL and lone surrogates."""


@given(ANY)
def test_whatever_is_storable_is_utf8_without_nul(text: str) -> None:
    assert b"\x00" not in storable(text).encode("utf-8")


@given(ANY)
def test_whatever_is_printable_has_no_control_character(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert storable(text) == printable(text) == text


def test_what_is_not_is_written_out() -> None:
    assert storable("a\x00b\ud800\udfffc") == "a\\u0000b\\ud800\\udfffc"
    assert storable("a\x1b[31m\n") == "a\x1b[31m\n", "control characters can be stored"
    assert printable("\x1b[31m\n\u202egpj\x85") == "\\u001b[31m\\u000a\\u202egpj\\u0085"

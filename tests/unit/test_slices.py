"""The exact text of each member of an array, whatever the JSON around it."""

import json
from contextlib import suppress
from json import JSONDecodeError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.envelopes.slices import NotAnEnvelopeError, elements, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    events=st.lists(VALUES, max_size=5),
    others=st.dictionaries(st.text(max_size=8).filter(lambda key: key != "events"), VALUES, max_size=3),
    indent=st.sampled_from([None, 0, 3, "\t", "\r\n "]),
    ascii_only=st.booleans(),
)
def test_slices_are_what_json_reads(events: list[Any], others: dict[str, Any], indent: Any, ascii_only: bool) -> None:
    text = json.dumps(others | {"events": events}, indent=indent, ensure_ascii=ascii_only)
    found = members(f" \n{text}\t", "events")
    assert [value for _source, value in found] == json.loads(text)["events"] == events
    at = 0
    for source, value in found:
        assert json.loads(source) == value
        at = text.index(source, at) + len(source)


@given(st.text(alphabet='{}[]":,eventsa1-.\\u \n', max_size=40) | st.text(max_size=40))
def test_it_reads_what_json_reads_and_refuses_what_json_refuses(text: str) -> None:
    try:
        wanted = json.loads(text)
    except JSONDecodeError:
        with pytest.raises(JSONDecodeError):
            members(text, "events")
        return
    if isinstance(wanted, dict) and isinstance(wanted.get("events"), list):
        assert [value for _source, value in members(text, "events")] == wanted["events"]
    else:
        with pytest.raises(NotAnEnvelopeError):
            members(text, "events")


@given(
    text=st.sampled_from(['{"events": [{"a": [1, "x\\u0000"]}, 2], "b": {}}', '{"a": 1, "events": []}']),
    cut=st.integers(0, 60),
    mark=st.sampled_from(["", "}", "]", '"', ",", "\x00", "\ud800", "{"]),
)
def test_a_spoilt_envelope_raises_nothing_else(text: str, cut: int, mark: str) -> None:
    with suppress(JSONDecodeError, NotAnEnvelopeError):
        members(text[:cut] + mark + text[cut:], "events")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"events": [1], "events": [2, 3]}', [2, 3]),
        ('{"\\u0065vents": [1]}', [1]),
        ('{"events":[]}', []),
        ('{"events": [1e400]}', [float("inf")]),
    ],
)
def test_odd_spellings_mean_what_they_mean_to_json(text: str, values: list[Any]) -> None:
    assert [value for _source, value in members(text, "events")] == values


@pytest.mark.parametrize("text", ["[]", "null", '"events"', "{}", '{"events": null}', '{"events": [1], "events": {}}'])
def test_json_without_the_array_is_no_envelope(text: str) -> None:
    with pytest.raises(NotAnEnvelopeError):
        members(text, "events")


def test_too_deep_and_too_long_have_errors_of_their_own() -> None:
    with pytest.raises(RecursionError):
        members('{"events": [' + "[" * 100_000, "events")
    with pytest.raises(ValueError, match="integer string conversion"):
        members('{"events": [' + "1" * 5000 + "]}", "events")


@given(items=st.lists(VALUES, max_size=5), indent=st.sampled_from([None, 0, 3, "\t", "\r\n "]))
def test_elements_are_what_json_reads(items: list[Any], indent: Any) -> None:
    text = json.dumps(items, indent=indent)
    found = elements(f" \n{text}\t")
    assert [value for _source, value in found] == items
    assert [json.loads(source) for source, _value in found] == items
    assert all(source in text for source, _value in found)


@given(st.text(alphabet='{}[]":,a1-.\\u \n', max_size=40) | st.text(max_size=40))
def test_an_array_is_read_where_json_reads_one(text: str) -> None:
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(JSONDecodeError):
            elements(text)
        return
    if isinstance(wanted, list):
        assert [value for _source, value in elements(text)] == wanted
    else:
        with pytest.raises(NotAnEnvelopeError):
            elements(text)

"""Expressions over a change: what they may say is checked before anything happens."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import TOLD, told

from app.domain.conditions import NAMES, Condition, InvalidConditionError


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("kind == 'moved'", None),
        ("repository.startsWith('shop/') && actor != 'bot'", None),
        ("['shop/', 'base/'].exists(p, repository.startsWith(p))", None),
        ("tag.matches('^v[0-9]+')", "tag.matches('^v[0-9]+') is false"),
        ("actor == null", "actor == null is false"),
        ("time > timestamp('2020-01-01T00:00:00Z')", None),
        ("media_type.contains('index') ? tag == 'stable' : true", None),
        ("provenance == 'observed' && action == null", None),
        ("int(tag) > 5", "it can't be worked out"),
    ],
)
def test_an_expression_holds_or_says_why_not(source: str, why: str | None) -> None:
    said = Condition.parse(source).mismatch(told())
    assert (said is None) if why is None else (said or "").startswith(why)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("kind ==", "not an expression of CEL"),
        ("kynd == 'moved'", "no name 'kynd'; there are action, actor"),
        ("false && kynd == 'moved'", "no name 'kynd'"),
        ("'kynd' == kind || x", "no name 'x'"),
        ("repository.beginsWith('a')", "no function 'beginsWith'"),
        ("sise(tag) > 1", "no function 'sise'"),
        ("repository", "not true or false"),
        ("1 / 0 == 1", "division by zero"),
        ("[1].all(a, [2].all(b, a < b))", "at most one of all"),
        ("kind == '" + "a" * 1000 + "'", "at most 1000 characters"),
        ("(" * 400 + "true" + ")" * 400, "not an expression of CEL"),
        ("repository.size", "it can't be worked out"),
    ],
)
def test_what_could_never_hold_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(InvalidConditionError) as refused:
        Condition.parse(source)
    assert complaint in str(refused.value) or complaint == "it can't be worked out"


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*NAMES, "==", "&&", "'a'", ".size()", "(", ")", "null", "!", "["])).map(" ".join)
)
def test_any_text_is_an_expression_or_refused(source: str) -> None:
    with contextlib.suppress(InvalidConditionError):
        Condition.parse(source).mismatch(told())


@given(TOLD)
def test_whatever_a_change_says_there_is_an_answer(one: object) -> None:
    condition = Condition.parse(
        "tag != null && tag.matches('(a+)+$') && 'x'.matches('[' + string(size(repository)) + ']')"
    )
    said = condition.mismatch(one)  # type: ignore[arg-type]
    assert said is None or said.endswith(" is false") or said.startswith("it can't be worked out")


def test_hostile_data_takes_no_time() -> None:
    condition = Condition.parse("repository.matches('^(a|aa)+$') || 'x'.matches(tag)")
    began = time.monotonic()
    condition.mismatch(told(repository="a" * 1023 + "!", tag="(((a{99}){99}){99})"))
    assert time.monotonic() - began < 5


def test_only_what_is_named_is_handed_over() -> None:
    assert Condition.parse("kind == 'moved' && actor == 'tag'").names == ("kind", "actor")

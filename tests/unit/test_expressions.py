"""JMESPath in the configuration: what is accepted can be asked of any value, what isn't is refused in one line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.origins import Expressions
from app.envelopes import Received, parse
from app.settings.expressions import check_expression

PIECES = ["a", "b.c", "[*]", "[0]", "[?a==`1`]", "|", "||", "&&", "!", "(", ")", "{a: b}", "[]", "&a", "@", ".", "*"]
PIECES += ["'x'", "`7`", '"q"', "length(", "sort_by(", "max(", "join(", "to_number(", "nope(", " ", "-1", "`", "'", ","]


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=30)))
@example("(" * 5000)
@example("a" + ".a" * 5000)
@example("`" + "[" * 5000 + "`")
def test_an_expression_is_refused_or_can_be_asked_of_any_value(text: str) -> None:
    try:
        assert check_expression(text) == text
    except ValueError as error:
        assert "\n" not in str(error)
        return
    for body in (b"{}", b"[]", b"7", b'{"a": [{"a": 1}, 2], "b": {"c": null}}', b'"x"'):
        found = parse("generic", Received(body), Expressions(action=text, repository=text, time=text, id=text))
        assert len(found.reports) + len(found.faults) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is no JMESPath expression"),
        ("a b", "'a b' is no JMESPath expression: it breaks at character 2"),
        ("a[", "'a[' is no JMESPath expression: it breaks at character 2"),
        ("a#b", "'a#b' is no JMESPath expression: it breaks at character 1"),
        ("nope(a)", "'nope(a)' calls nope(), which JMESPath doesn't have"),
        ("sort_by(@, &lable(x))", "'sort_by(@, &lable(x))' calls lable(), which JMESPath doesn't have"),
    ],
)
def test_a_refusal_says_where_it_breaks(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.partition(" ")[2].partition("(")[0]) as raised:
        check_expression(text)
    assert str(raised.value) == complaint

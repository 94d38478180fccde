"""WWW-Authenticate, as registries and their proxies write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.remote.challenges import Challenge, parse

TOKEN = {"realm": "https://auth.example/token", "service": "registry.example", "scope": "repository:shop/web:pull,push"}


@pytest.mark.parametrize(
    ("lines", "challenges"),
    [
        ([], []),
        (['Basic realm="Registry Realm"'], [Challenge("basic", {"realm": "Registry Realm"})]),
        (
            [f'Bearer realm="{TOKEN["realm"]}",service="{TOKEN["service"]}",scope="{TOKEN["scope"]}"'],
            [Challenge("bearer", TOKEN)],
        ),
        (["BEARER Realm=https"], [Challenge("bearer", {"realm": "https"})]),
        (
            ['Negotiate, Basic realm="a, b", Bearer realm="c" , scope = "d e"'],
            [Challenge("negotiate"), Challenge("basic", {"realm": "a, b"}),
             Challenge("bearer", {"realm": "c", "scope": "d e"})],
        ),
        (["Negotiate YIIJ+/==", "Basic"], [Challenge("negotiate"), Challenge("basic")]),
        ([r'Basic realm="say \"hi\" \\"'], [Challenge("basic", {"realm": 'say "hi" \\'})]),
        (['Basic realm="never ends'], [Challenge("basic")]),
        (['Bearer realm="first",realm="second"'], [Challenge("bearer", {"realm": "first"})]),
    ],
)
def test_challenges_are_read(lines: list[str], challenges: list[Challenge]) -> None:
    assert parse(lines) == challenges


@given(st.lists(st.text() | st.from_regex(r'[a-zA-Z]+ ?([a-z]+="?[a-z,= ]*"?[, ]*){0,4}'), max_size=3))
def test_nothing_breaks_it(lines: list[str]) -> None:
    for challenge in parse(lines):
        assert challenge.scheme == challenge.scheme.lower() != ""


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(st.characters(codec="latin-1")), min_size=1
    )
)
def test_what_is_quoted_is_read_back(parameters: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    line = ", ".join(f'{name}="{value}"' for name, value in quoted.items())
    assert parse([f"Bearer {line}, Basic realm=x"]) == [
        Challenge("bearer", parameters), Challenge("basic", {"realm": "x"})
    ]

"""What a request of `/v2/` needs, and what somebody may do (distribution's scopes)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.access.gates import quoted
from app.registry.access.scopes import CATALOG, MOST_SCOPES, Scope, Visitor, needed, of_repository, parse_scopes
from app.registry.access.service import Grant, granted

PULL, PUSH = of_repository("shop/web", "pull"), of_repository("shop/web", "pull", "push")
DELETE = of_repository("shop/web", "delete")


@pytest.mark.parametrize(
    ("kind", "method", "wanted"),
    [
        *[(kind, method, [PULL]) for kind in ("manifest", "blob", "tags", "referrers") for method in ("GET", "HEAD")],
        ("upload", "GET", [PULL]),
        ("uploads", "POST", [PUSH]),
        ("upload", "PATCH", [PUSH]),
        ("upload", "PUT", [PUSH]),
        ("upload", "DELETE", [PUSH]),
        ("manifest", "PUT", [PUSH]),
        ("manifest", "DELETE", [DELETE]),
        ("blob", "DELETE", [DELETE]),
        ("repository", "DELETE", [DELETE]),
        ("catalog", "GET", [CATALOG]),
    ],
)
def test_what_a_request_needs(kind: str, method: str, wanted: list[Scope]) -> None:
    assert needed(kind, method, "shop/web") == wanted


def test_a_mount_also_needs_what_it_takes_from() -> None:
    assert needed("uploads", "POST", "shop/web", "base") == [PUSH, of_repository("base", "pull")]
    assert needed("uploads", "POST", "shop/web", "shop/web") == [PUSH]


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:shop/web:pull", PULL),
        ("repository:shop/web:pull,push,pull", PUSH),
        ("repository(plugin):shop/web:pull", PULL),
        ("registry:catalog:*", CATALOG),
        ("repository:host.example:5000/shop/web:pull", of_repository("host.example:5000/shop/web", "pull")),
        *[(text, None) for text in ("", "repository", "repository:a", "repository::pull", ":a:pull", "repository:a:")],
        *[(text, None) for text in ("repository:a:PULL", 'repository:"a":pull', "repository:a\\b:pull", "é:a:pull")],
        (f"repository:{'a' * 513}:pull", None),
    ],
)
def test_scopes_are_read(text: str, scope: Scope | None) -> None:
    assert Scope.parse(text) == scope


def test_several_scopes_and_none() -> None:
    texts = ["repository:shop/web:pull  nonsense registry:catalog:*", "repository:shop/web:delete"]
    assert parse_scopes(texts) == [PULL, CATALOG, DELETE]
    assert len(parse_scopes(["repository:a:pull " * (MOST_SCOPES + 9)])) == MOST_SCOPES


@given(st.lists(st.text(max_size=80) | st.from_regex(r"[a-z()]{0,9}:[a-z:/]{0,9}:[a-z,*]{0,9}", fullmatch=True)))
def test_any_text_gives_scopes_that_can_be_said_again(texts: list[str]) -> None:
    for scope in parse_scopes(texts):
        assert Scope.parse(str(scope)) == scope
        assert quoted(str(scope)) == f'"{scope}"'


@given(st.text())
def test_what_is_quoted_stays_within_its_quotes(text: str) -> None:
    inside = quoted(text)[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert "\\" not in inside
    assert inside.isprintable()
    assert inside.isascii()


def test_who_may_what() -> None:
    visitor = Visitor("bob", [PULL, of_repository("base", "*")])
    assert visitor.may([])
    assert visitor.may([PULL])
    assert visitor.may([PULL, of_repository("base", "pull", "push")])
    assert not visitor.may([PUSH])
    assert not visitor.may([PULL, CATALOG])
    assert not visitor.may([of_repository("shop/web/more", "pull")])
    assert not visitor.sees_everything
    assert Visitor(None).may([PUSH, CATALOG])


def test_scopes_of_one_resource_add_up() -> None:
    assert Visitor("bob", [PULL, of_repository("shop/web", "push")]).may([PUSH])


GRANTS = [
    Grant(["ann"], ["**"], ["pull", "push", "delete"]),
    Grant(["bob", "ci-*"], ["shop/*"], ["pull", "push"]),
    Grant(["*"], ["base/**"], ["pull"]),
    Grant(None, ["open/*"], ["pull"]),
]


@pytest.mark.parametrize(
    ("user", "asked", "given"),
    [
        ("ann", "repository:any/thing:pull,push,delete", "repository:any/thing:pull,push,delete"),
        ("ann", "registry:catalog:*", "registry:catalog:*"),
        ("bob", "repository:shop/web:pull,push,delete", "repository:shop/web:pull,push"),
        ("ci-7", "repository:shop/web:push", "repository:shop/web:push"),
        ("bob", "repository:shop/web/deep:pull", ""),
        ("bob", "registry:catalog:*", ""),
        ("bob", "repository:base/a/b:pull repository:base/a/b:push", "repository:base/a/b:pull"),
        ("bob", "repository:open/a:pull,push", "repository:open/a:pull"),
        ("eve", "repository:shop/web:pull repository:base/a:pull", "repository:base/a:pull"),
        (None, "repository:open/a:pull repository:base/a:pull repository:shop/web:pull", "repository:open/a:pull"),
        (None, "registry:catalog:* registry:other:*", ""),
        ("ann", "repository:any:* plugin:any:pull registry:catalog:pull", ""),
    ],
)
def test_grants(user: str | None, asked: str, given: str) -> None:
    assert " ".join(map(str, granted(GRANTS, user, parse_scopes([asked])))) == given

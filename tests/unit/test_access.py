"""Roles and scopes, without a database."""

import pytest

from app.domain.access import EVERYTHING, AccessScope, Glob, InvalidScopeError, LimitedScopeError, Role

SHOP = AccessScope.parse(["registry.example:5000/shop/*", "ghcr.io/**"])


@pytest.mark.parametrize(
    ("role", "covers"),
    [
        (Role.INGEST, {Role.INGEST}),
        (Role.READ, {Role.READ}),
        (Role.DEPLOY, {Role.DEPLOY, Role.READ}),
        (Role.ADMIN, set(Role)),
    ],
)
def test_what_a_role_covers(role: Role, covers: set[Role]) -> None:
    assert {needed for needed in Role if role.covers(needed)} == covers


@pytest.mark.parametrize(
    ("registry", "repository", "allowed"),
    [
        ("registry.example:5000", "shop/web", True),
        ("registry.example:5000", "shop/", True),
        ("registry.example:5000", "shop", False),
        ("registry.example:5000", "shop/web/deep", False),
        ("registry.example:5000", "shopping/web", False),
        ("registry.example", "shop/web", False),
        ("xregistry.example:5000", "shop/web", False),
        ("registryXexample:5000", "shop/web", False),
        ("Registry.example:5000", "shop/web", False),
        ("ghcr.io", "a/b/c", True),
        ("evil/ghcr.io", "a", False),
        ("ghcr.io/a", "b", False),
    ],
)
def test_what_a_scope_allows(registry: str, repository: str, allowed: bool) -> None:
    assert SHOP.allows(registry, repository) is allowed
    assert EVERYTHING.allows(registry, repository)
    assert not AccessScope(()).allows(registry, repository), "no globs is nothing, not everything"


def test_all_of_a_registry() -> None:
    assert SHOP.allows_all_of("ghcr.io")
    assert not SHOP.allows_all_of("registry.example:5000")
    assert AccessScope.parse(["*/**"]).allows_all_of("anything")
    assert EVERYTHING.allows_all_of("anything")
    assert not AccessScope(()).allows_all_of("anything")


@pytest.mark.parametrize(
    "text",
    ["", "/", "shop", "/shop", "shop/", "a b/c", "a/b\n", "a/b\x00", "a/\u202e", "a/\ud800", "a/" + "b" * 511],
)
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(InvalidScopeError, match="write REGISTRY/REPOSITORY"):
        Glob.parse(text)


def test_a_scope_reads_as_it_was_written() -> None:
    assert [str(glob) for glob in SHOP.globs or ()] == ["registry.example:5000/shop/*", "ghcr.io/**"]


def test_what_no_scope_reaches() -> None:
    EVERYTHING.require_everything("the quarantine")
    with pytest.raises(LimitedScopeError, match="the quarantine may tell of any repository"):
        AccessScope.parse(["*/**"]).require_everything("the quarantine")

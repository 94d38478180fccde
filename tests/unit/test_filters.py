"""What of an origin is not stored: each filter works by itself, and none leaves a tag where it no longer is."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from builders import A
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import ACTIONS, Report, Scope
from app.domain.filters import Unheard, is_unheard

INDEX = "application/vnd.oci.image.index.v1+json"
BLOB = "application/octet-stream"
PUSH = Report(raw=b"{}", action="push", scope=Scope.TAG, repository="shop/web", tag="v1", digest=A, media_type=INDEX)
CHILD = replace(PUSH, scope=None, tag=None)
LAYER = replace(CHILD, media_type=BLOB)
PULL = replace(PUSH, action="pull", scope=None, request_method="GET")
HEAD = replace(PULL, request_method="HEAD")
UNTAG = replace(PUSH, action="delete", scope=Scope.TAG, digest=None, media_type=None, request_method="DELETE")
DELETE = replace(UNTAG, scope=Scope.MANIFEST, tag=None, digest=A)
DROP = replace(UNTAG, scope=Scope.REPOSITORY, tag=None)
NAMELESS = replace(PUSH, scope=None, digest=None)
"""A push of a tag whose source gives no digest: it is learnt by asking."""
ALL = (PUSH, CHILD, LAYER, PULL, HEAD, UNTAG, DELETE, DROP, NAMELESS)


@pytest.mark.parametrize(
    ("unheard", "left_out"),
    [
        (Unheard(), []),
        (Unheard(actions=frozenset({"pull"})), [PULL, HEAD]),
        (Unheard(head=True), [HEAD]),
        (Unheard(media_types=frozenset({BLOB})), [LAYER]),
        (Unheard(media_types=frozenset({INDEX})), [CHILD, PULL, HEAD]),
        (Unheard(actions=frozenset({"push", "delete"})), [CHILD, LAYER]),
        (Unheard(repositories=("shop/*",)), list(ALL)),
        (Unheard(repositories=("**",)), list(ALL)),
        (Unheard(repositories=("*", "web", "shop", "Shop/web", "shop/web/*")), []),
        (Unheard(tags=("v?",)), [PUSH, PULL, HEAD, UNTAG, NAMELESS]),
        (Unheard(tags=("v", "", "*/v1")), []),
        (Unheard(actions=frozenset({"mount"}), tags=("v1",), head=True), [PUSH, PULL, HEAD, UNTAG, NAMELESS]),
    ],
)
def test_each_filter_works_by_itself(unheard: Unheard, left_out: list[Report]) -> None:
    assert [report for report in ALL if is_unheard(unheard, report)] == left_out


def test_without_a_media_type_no_media_type_fits() -> None:
    assert not is_unheard(Unheard(media_types=frozenset({"", BLOB})), replace(PULL, media_type=None))


NAMES = st.sampled_from(["a", "b", "ab", "pr-1"])
GLOBS = st.sampled_from(["a", "a*", "?", "pr-*", "b"])
REPORTS = st.builds(
    Report,
    raw=st.just(b""),
    action=st.sampled_from(ACTIONS),
    scope=st.none() | st.sampled_from(Scope),
    repository=NAMES,
    tag=st.none() | NAMES,
    media_type=st.none() | st.sampled_from([INDEX, BLOB]),
    request_method=st.none() | st.sampled_from(["GET", "HEAD", "PUT"]),
)
FILTERS = st.builds(
    Unheard,
    actions=st.frozensets(st.sampled_from(ACTIONS)),
    media_types=st.frozensets(st.sampled_from([INDEX, BLOB])),
    repositories=st.lists(GLOBS, max_size=2).map(tuple),
    tags=st.lists(GLOBS, max_size=2).map(tuple),
    head=st.booleans(),
)


@given(FILTERS, REPORTS)
def test_what_moves_a_tag_is_left_out_by_its_names_alone(unheard: Unheard, report: Report) -> None:
    named = any(fnmatchcase(report.repository, glob) for glob in unheard.repositories)
    named |= report.tag is not None and any(fnmatchcase(report.tag, glob) for glob in unheard.tags)
    if report.scope is not None:
        assert is_unheard(unheard, report) is named
    elif named:
        assert is_unheard(unheard, report)

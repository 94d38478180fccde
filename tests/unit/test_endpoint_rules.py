"""What an endpoint is not told of: each rule works by itself (issue 6, item 2)."""

import pytest

from app.domain.endpoints import Ignore, Told

OCI = "application/vnd.oci.image.manifest.v1+json"
EVENT = b'{"target": {"repository": "shop/web", "tag": "pr-12"}, "request": {"method": "HEAD"}}'
PULL = Told("shop/web", "pull", OCI, EVENT)
UNTAGGED = Told("shop/web", "pull", OCI, b'{"target": {}, "request": {"method": "GET"}}')


@pytest.mark.parametrize(
    ("rules", "ignored"),
    [
        (Ignore(), False),
        (Ignore(media_types=[OCI]), True),
        (Ignore(media_types=["application/octet-stream"]), False),
        (Ignore(actions=["pull"]), True),
        (Ignore(actions=["push"]), False),
        (Ignore(repositories=["shop/*"]), True),
        (Ignore(repositories=["*"]), False),
        (Ignore(repositories=["**"]), True),
        (Ignore(tags=["pr-*"]), True),
        (Ignore(tags=["v*"]), False),
        (Ignore(methods=["HEAD"]), True),
        (Ignore(methods=["GET"]), False),
    ],
)
def test_each_rule_by_itself(rules: Ignore, ignored: bool) -> None:
    assert rules.matches(PULL) is ignored


def test_an_event_without_a_tag_is_of_none() -> None:
    assert not Ignore(tags=["**"]).matches(UNTAGGED)

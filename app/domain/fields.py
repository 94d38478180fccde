"""What templates know of the changes of a message: plain texts under names that people write into `{{ … }}`."""

from collections.abc import Sequence
from typing import Any

from app.domain.times import rfc3339_nano
from app.domain.told import Told

NAMES = (
    "change_id", "kind", "registry", "repository", "tag", "before", "after", "digest", "image", "actor", "origin",
    "time", "rule", "event_id", "link", "media_type",
)  # fmt: skip
"""The fields of one change. `digest` is `after`, `image` is REGISTRY/REPOSITORY@DIGEST; those of Told may be None."""


def fields(told: Sequence[Told]) -> dict[str, Any]:
    """Those of the first change; `changes`: the same of each of them; `tags`: each tag once, in order."""
    changes = [_of(one) for one in told]
    tags = list(dict.fromkeys(one.tag for one in told if one.tag is not None))
    return changes[0] | {"changes": changes, "tags": tags}


def image_of(registry: str, told: Told) -> str:
    """What a cluster pulls, as it stands in its objects."""
    return f"{registry}/{told.repository}@{told.after}"


def _of(told: Told) -> dict[str, Any]:
    return {
        "change_id": told.change_id,
        "kind": told.kind,
        "registry": told.registry,
        "repository": told.repository,
        "tag": told.tag,
        "before": told.before,
        "after": told.after,
        "digest": told.after,
        "image": image_of(told.registry, told),
        "actor": told.actor,
        "origin": told.origin,
        "time": rfc3339_nano(told.time_ns),
        "rule": told.rule,
        "event_id": told.event_id,
        "link": told.link,
        "media_type": told.media_type,
    }


_FULL = Told(
    change_id="0123456789abcdef",
    kind="moved",
    registry="registry.example:5000",
    repository="shop/web",
    tag="stable",
    before="sha256:" + "a" * 64,
    after="sha256:" + "b" * 64,
    actor="alice",
    origin="prod",
    time_ns=1_795_464_407_474_000_000,
    rule="web",
    event_id="5d0c1c1e",
    link="https://tagtrail.example/history",
    media_type="application/vnd.oci.image.manifest.v1+json",
)
_BARE = Told(
    change_id="fedcba9876543210",
    kind="created",
    registry="registry.example:5000",
    repository="shop/web",
    tag=None,
    before="unknown",
    after="sha256:" + "b" * 64,
    actor=None,
    origin="prod",
    time_ns=1_795_464_408_000_000_000,
    rule="web",
    event_id="5d0c1c1f",
    link=None,
    media_type=None,
)
SAMPLES: Sequence[Sequence[Told]] = ((_FULL,), (_BARE,), (_FULL, _BARE, _FULL))
"""Made-up changes that templates are tried with: everything said, nothing said, and several at once."""

"""What templates know of the changes of a message: plain texts under names that people write into `{{ … }}`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.domain.times import rfc3339_nano
from app.domain.told import Deploy, Told

NAMES = (
    "change_id", "kind", "registry", "repository", "tag", "before", "after", "digest", "image", "actor", "origin",
    "time", "rule", "event_id", "link", "media_type",
)  # fmt: skip
"""The fields of one change. `digest` is `after`, `image` is REGISTRY/REPOSITORY@DIGEST; those of Told may be None."""


ENDED_NAMES = ("trigger", "tries", "detail")
"""What is said besides of how a deploy ended; none of a change itself."""


def fields(told: Sequence[Told]) -> dict[str, Any]:
    """Those of the first change; `changes`: the same of each of them; `tags`: each tag once, in order."""
    changes = [_of(one) for one in told]
    named = (tag for one in told for tag in (one.tag, *(one.deploy.also if one.deploy else ())))
    tags = list(dict.fromkeys(tag for tag in named if tag is not None))
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
        **{name: getattr(told.deploy, name, None) for name in ENDED_NAMES},
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
_ENDED = replace(_FULL, kind="deployed", deploy=Deploy("web-prod", "msg_0123456789abcdef", 2, "HTTP 200", ("latest",)))
CHANNEL_SAMPLES: Sequence[Sequence[Told]] = (*SAMPLES, (_ENDED,))
"""The same for channels, which are told how deploys ended, too."""

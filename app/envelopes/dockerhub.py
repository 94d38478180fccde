"""Docker Hub's webhooks: only pushes of tags.

Facts of the format: neither digest nor id; whole seconds, some written as a float; a push of one tag for five platforms
makes six calls (docker/hub-feedback #2148), alike but for the second in which each was sent.
"""

from collections.abc import Sequence

from app.domain.times import from_unix
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import Said, Wire, checked, one_body

_HOST = "docker.io"


class _Push(Wire):
    tag: str | None = None
    pusher: str | None = None
    pushed_at: object = None
    media_type: str | None = None


class _Repository(Wire):
    repo_name: str


class _Hook(Wire):
    push_data: _Push
    repository: _Repository


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(_: Received, value: object) -> Sequence[Said]:
    hook = checked(_Hook, value)
    push = hook.push_data
    return [
        Said(
            action="push",
            repository=hook.repository.repo_name,
            tag=push.tag,
            time_ns=from_unix(push.pushed_at),
            host=_HOST,
            media_type=push.media_type,
            actor=push.pusher,
        )
    ]


def _recognises(_: Received, value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("push_data"), dict):
        return False
    repository = value.get("repository")
    return isinstance(repository, dict) and "repo_name" in repository and "callback_url" in value


DIALECT = Dialect(read, _recognises)

"""The fixtures of `tests/data/origins`: a folder a kind, a body a file, and its headers beside it where they matter."""

import json
from pathlib import Path

from app.domain.origins import Expressions
from app.envelopes import Received

FOLDER = Path(__file__).parent / "data" / "origins"
_HEADERS = ".headers"
EXPRESSIONS = {
    "cloudevent-push": Expressions(
        action="type",
        repository="data.repository",
        tag="data.tag",
        digest="data.digest",
        time="time",
        id="id",
        host="data.registryUrl",
        actions=(("container.image.push", "push"), ("container.image.delete", "delete")),
    ),
    "batch": Expressions(
        action="what",
        repository="image.path",
        events="entries",
        tag="image.label",
        digest="image.content",
        time="when",
        actor="by.login",
        media_type="image.kind",
        actions=(("published", "push"), ("withdrawn", "delete")),
    ),
}
"""What the origin of each fixture of the kind `generic` is configured with."""


def kinds() -> list[str]:
    return sorted(path.name for path in FOLDER.iterdir())


def names(kind: str) -> list[str]:
    paths = sorted((FOLDER / kind).glob("*.json"))
    return [path.stem for path in paths if not path.stem.endswith(_HEADERS)]


def received(kind: str, name: str) -> Received:
    headers = FOLDER / kind / f"{name}{_HEADERS}.json"
    body = (FOLDER / kind / f"{name}.json").read_bytes()
    return Received(body, json.loads(headers.read_bytes()) if headers.exists() else {})

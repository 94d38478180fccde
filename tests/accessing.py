"""Apps whose `/v2/` is for those who may, and what callers show."""

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
from flask.testing import FlaskClient
from reading_app import client_of
from tokens import ec_key, jwks, token
from werkzeug.test import TestResponse

from app.domain.digests import Digest
from app.store.engine import make_engine
from app.store.migrate import upgrade

BLOB = b"some content"
DIGEST = Digest.of(BLOB)
ISSUER, SERVICE = "auth.example", "registry.example"


def write_users(path: Path, **users: str) -> None:
    lines = [f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n" for name, word in users.items()]
    path.write_text("".join(lines))


def login(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def allowed(*scopes: str, sub: str = "ann") -> dict[str, str]:
    """The header of somebody whom the central service has given these scopes."""
    parts = [scope.rsplit(":", 1) for scope in scopes]
    access = [
        {"type": what.split(":")[0], "name": what.split(":", 1)[1], "actions": actions.split(",")}
        for what, actions in parts
    ]
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": SERVICE, "sub": sub, "exp": now + 60, "access": access}
    return {"Authorization": f"Bearer {token(claims, ec_key(), 'one')}"}


@contextmanager
def configured(
    patch: pytest.MonkeyPatch, folder: Path, config: str, database_url: str, **environment: str
) -> Iterator[FlaskClient]:
    (folder / "tagtrail.yml").write_text(config)
    (folder / "keys.json").write_text(jwks(one=ec_key()))
    write_users(folder / "htpasswd", ann="sesame", bob="abra")
    (folder / "data").mkdir(exist_ok=True)
    journal_url = f"sqlite:///{folder}/data/journal.db"
    engine = make_engine(journal_url)
    upgrade(engine)
    engine.dispose()
    with client_of(patch, folder, database_url, **environment) as client:
        yield client


def refused(answer: TestResponse, *actions: tuple[str, str]) -> str:
    """The challenge of a 401 that says what was wanted: (name, action) each."""
    assert answer.status_code == 401, answer.text
    if answer.text:
        (error,) = answer.json["errors"]
        assert (error["code"], error["message"]) == ("UNAUTHORIZED", "authentication required")
        assert [(one["Name"], one["Action"]) for one in error["detail"]] == list(actions)
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    return answer.headers["WWW-Authenticate"]


def push_blob(client: FlaskClient, repository: str, headers: Mapping[str, str]) -> TestResponse:
    return client.post(f"/v2/{repository}/blobs/uploads/?digest={DIGEST}", data=BLOB, headers=headers)

"""Who is believed at `/hooks/<origin>`, by each kind of proof, and what of it is stored, on both databases."""

import base64
import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import A, B, an_event, envelope
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_app import client_of
from sqlalchemy import Engine, select
from tokens import code_of, ec_key, jwks, token
from werkzeug.test import TestResponse

from app.domain.times import SECOND_NS
from app.store import schema
from app.store.engine import reading
from app.store.origins import all_tallies
from app.web import receiver
from app.web.failures import Failures

SECRET = "n3w-s3cret-of-the-sender"
OLD = "0ld-s3cret-of-the-sender"
SIGNING = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOW_S = 1_795_600_000
BOTH = '["${env:NEW}", "${env:OLD}"]'
CONFIG = f"""
origins:
  bearer: {{kind: distribution, auth: {{bearer: {BOTH}}}}}
  basic: {{kind: distribution, auth: {{basic: {{username: registry, password: {BOTH}}}}}}}
  header: {{kind: distribution, auth: {{header: {{name: X-Own, value: {BOTH}}}}}}}
  hmac:
    kind: distribution
    auth: {{hmac: {{header: X-Sig, secret: {BOTH}, algorithm: sha1, prefix: "v0:", encoding: base64}}}}
  github: {{kind: distribution, auth: {{github: {BOTH}}}}}
  gitea: {{kind: distribution, auth: {{gitea: {BOTH}}}}}
  jfrog: {{kind: distribution, auth: {{jfrog: {BOTH}}}}}
  nexus: {{kind: distribution, auth: {{nexus: {BOTH}}}}}
  angos: {{kind: distribution, auth: {{angos: {BOTH}}}}}
  standard: {{kind: distribution, auth: {{standard-webhooks: "${{env:SIGNING}}"}}}}
  path: {{kind: distribution, auth: {{path: {BOTH}}}}}
  oidc:
    kind: distribution
    auth: {{oidc: {{issuer: "https://issuer.example", audience: tagtrail, keys: "${{file:jwks.json}}"}}}}
  quiet:
    kind: distribution
    insecure: a lab
    ignore: {{actions: [mount], mediatypes: [application/octet-stream], repositories: ["ci/**"], tags: ["pr-*"],
      head: true}}
  lab: {{kind: distribution, insecure: a lab}}
"""


class Clock:
    now_ns = NOW_S * SECOND_NS

    def time_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(receiver, "time", made)
    return made


@pytest.fixture
def client(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Iterator[FlaskClient]:
    yield from made_client(database_url, tmp_path, monkeypatch)


@pytest.fixture
def sqlite_client(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Iterator[FlaskClient]:
    """For what never reaches the store."""
    yield from made_client(sqlite_url, tmp_path, monkeypatch)


def made_client(url: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (folder / "tagtrail.yml").write_text(CONFIG)
    (folder / "jwks.json").write_text(jwks(one=ec_key()))
    with client_of(patch, folder, url, NEW=SECRET, OLD=OLD, SIGNING=SIGNING) as made:
        yield made


def standard(body: bytes, key: str = SIGNING) -> dict[str, str]:
    content = f"msg_1.{NOW_S}.".encode() + body
    code = base64.b64encode(code_of(base64.b64decode(key[6:]), content)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": str(NOW_S), "webhook-signature": f"v1,{code}"}


def bearer_token(audience: str) -> dict[str, str]:
    claims = {"iss": "https://issuer.example", "aud": audience, "exp": NOW_S + 60}
    return {"Authorization": f"Bearer {token(claims, ec_key())}"}


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"registry:{secret}".encode()).decode()}


Prove = Callable[[str, bytes], dict[str, str]]
PROOFS: dict[str, Prove] = {
    "bearer": lambda secret, _: {"Authorization": f"Bearer {secret}"},
    "basic": lambda secret, _: basic(secret),
    "header": lambda secret, _: {"X-Own": secret},
    "hmac": lambda secret, body: {
        "X-Sig": "v0:" + base64.b64encode(code_of(secret.encode(), body, "sha1")).decode()
    },
    "github": lambda secret, body: {"X-Hub-Signature-256": "sha256=" + code_of(secret.encode(), body).hex()},
    "gitea": lambda secret, body: {"X-Gitea-Signature": code_of(secret.encode(), body).hex()},
    "jfrog": lambda secret, body: {"X-JFrog-Event-Auth": code_of(secret.encode(), body).hex()},
    "nexus": lambda secret, body: {"X-Nexus-Webhook-Signature": code_of(secret.encode(), body, "sha1").hex()},
    "angos": lambda secret, body: {"X-Registry-Signature-256": "sha256=" + code_of(secret.encode(), body).hex()},
}
SIGNED = ("hmac", "github", "gitea", "jfrog", "nexus", "angos")


def tell(client: FlaskClient, path: str, content: bytes, headers: dict[str, str], address: str = "") -> TestResponse:
    return client.post(f"/hooks/{path}", data=content, headers=headers, environ_base={"REMOTE_ADDR": address})


def stored(engine: Engine, table: str, column: str) -> list[object]:
    columns = schema.metadata.tables[table].c
    with reading(engine) as connection:
        return list(connection.execute(select(columns[column]).order_by(columns.origin)).scalars())


# Each proof


def test_each_proof_is_believed_with_either_secret(client: FlaskClient, engine: Engine) -> None:
    for kind, prove in PROOFS.items():
        for secret in (SECRET, OLD):
            content = envelope(an_event())
            answer = tell(client, kind, content, prove(secret, content))
            assert (answer.status_code, answer.get_json()) == (202, {"events": 1}), kind
    content = envelope(an_event())
    assert tell(client, "jfrog", content, {"X-JFrog-Event-Auth": SECRET}).status_code == 202
    assert tell(client, "standard", content, standard(content)).status_code == 202
    assert tell(client, "oidc", content, bearer_token("tagtrail")).status_code == 202
    for path in (f"path/{SECRET}", f"path/{OLD}/"):
        assert tell(client, path, envelope(an_event()), {}).status_code == 202
    told = [kind for kind in PROOFS for _ in range(2)] + ["jfrog", "standard", "oidc", "path", "path"]
    assert stored(engine, "events", "origin") == sorted(told)


CHALLENGES = {"bearer": "Bearer", "oidc": "Bearer", "basic": 'Basic realm="tagtrail"'}


def test_a_wrong_proof_is_refused_with_what_is_wanted(client: FlaskClient, engine: Engine) -> None:
    content, other = envelope(an_event()), envelope(an_event(digest=B))
    wrong = [(kind, prove("another", content)) for kind, prove in PROOFS.items()]
    wrong += [(kind, PROOFS[kind](SECRET, other)) for kind in SIGNED]
    wrong += [(kind, {}) for kind in [*PROOFS, "oidc", "standard", "path", "path/", "path/x", f"path/{SECRET}x"]]
    wrong += [("standard", standard(other)), ("standard", standard(content, SIGNING[:-4] + "AAA=")),
              ("oidc", bearer_token("another")), ("path", {"Authorization": f"Bearer {SECRET}"})]  # fmt: skip
    for number, (path, headers) in enumerate(wrong):
        answer = tell(client, path, content, headers, f"192.0.2.{number}")
        wanted = CHALLENGES.get(path, "Webhook")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, wanted), (path, headers)
    assert stored(engine, "events", "origin") == stored(engine, "quarantine", "origin") == []


def test_a_message_is_standard_for_five_minutes(sqlite_client: FlaskClient, clock: Clock) -> None:
    content = envelope(an_event())
    for distance, status in ((300, 202), (301, 401), (-301, 401)):
        clock.now_ns = (NOW_S + distance) * SECOND_NS
        assert tell(sqlite_client, "standard", content, standard(content)).status_code == status


@settings(max_examples=30)
@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=40))
def test_no_header_is_authentic_by_accident(sqlite_client: FlaskClient, text: str) -> None:
    for kind, prove in PROOFS.items():
        (name,) = prove("", b"")
        assert tell(sqlite_client, kind, b"{}", {name: text}, "").status_code in (401, 429)


# Large bodies


def test_what_is_signed_and_too_large_is_kept_in_part(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"{" + bytes(range(256)) * (receiver.MAX_BODY // 256) + b"}"
    for kind in ("github", "nexus"):
        assert tell(client, kind, content, PROOFS[kind](SECRET, content[:-1])).status_code == 401
        assert stored(engine, "quarantine", "origin") == []
    answer = tell(client, "github", content, PROOFS["github"](SECRET, content))
    assert (answer.status_code, answer.get_json()["events"]) == (202, 0)
    assert stored(engine, "quarantine", "reason") == ["too-large"]
    assert stored(engine, "quarantine", "length") == [len(content)]
    assert stored(engine, "quarantine", "body") == [content[:65_536]]
    assert stored(engine, "quarantine", "sha256") == [hashlib.sha256(content).hexdigest()]


def test_to_find_out_who_signed_not_everything_is_read(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert receiver.MAX_UNPROVEN == 64 * 1024 * 1024
    monkeypatch.setattr(receiver, "MAX_UNPROVEN", receiver.MAX_BODY + 100_000)
    for extra, status in ((100_000, 202), (100_001, 413)):
        content = b" " * (receiver.MAX_BODY + extra)
        assert tell(sqlite_client, "gitea", content, PROOFS["gitea"](SECRET, content)).status_code == status
        assert tell(sqlite_client, "bearer", content, PROOFS["bearer"](SECRET, content)).status_code == 202


def test_who_proves_nothing_by_a_header_is_not_read(sqlite_client: FlaskClient) -> None:
    class Unread(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("it was read")

    for path in ("bearer", "basic", "header", "oidc", "standard", "path/x", "github", "jfrog"):
        answer = sqlite_client.post(f"/hooks/{path}", input_stream=Unread(b"{}"), headers={"X-JFrog-Event-Auth": "no"})
        assert answer.status_code == 401, path


# Too many failures


def test_failures_are_limited_by_address_and_the_authentic_never(client: FlaskClient, clock: Clock) -> None:
    for _ in range(Failures.MOST):
        assert tell(client, "github", b"{}", {}, "192.0.2.1").status_code == 401
    answer = tell(client, "bearer", b"{}", {}, "192.0.2.1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "WWW-Authenticate" not in answer.headers
    assert tell(client, "bearer", b"{}", {}, "192.0.2.2").status_code == 401
    for kind, prove in PROOFS.items():
        content = envelope(an_event())
        assert tell(client, kind, content, prove(SECRET, content), "192.0.2.1").status_code == 202
    assert tell(client, f"path/{SECRET}", envelope(an_event()), {}, "192.0.2.1").status_code == 202
    assert tell(client, "lab", envelope(an_event()), {}, "192.0.2.1").status_code == 202
    assert tell(client, "github", b"{}", {}, "192.0.2.1").status_code == 429
    clock.now_ns += 60 * SECOND_NS
    assert tell(client, "github", b"{}", {}, "192.0.2.1").status_code == 401


# Secret paths


def test_a_secret_path_stays_out_of_answers_and_logs(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unexpected")

    answers = []
    with caplog.at_level(logging.DEBUG):
        path = f"/hooks/path/{SECRET}"
        answers += [sqlite_client.open(path, method=method) for method in ("GET", "PUT", "OPTIONS", "HEAD")]
        answers += [sqlite_client.post(f"{path}{end}", data=b"no") for end in ("", "/", "/x", "x", "/../x", "?a=1")]
        answers += [sqlite_client.post(f"/hooks/{other}/{SECRET}") for other in ("bearer", "lab", "nobody")]
        answers.append(sqlite_client.post(path, headers={"Host": "evil.example"}))
        monkeypatch.setattr(receiver, "parse", fail)
        answers.append(sqlite_client.post(path, data=b"no"))
    assert [answer.status_code for answer in answers] == [
        405, 405, 200, 405, 202, 202, 404, 401, 404, 202, 404, 404, 404, 421, 500
    ]
    assert "RuntimeError: unexpected" in caplog.text, "and the trace is there"
    assert SECRET not in caplog.text + "".join(f"{answer.headers}{answer.text}" for answer in answers)


def test_only_an_origin_that_is_proven_by_its_path_has_more_of_it(sqlite_client: FlaskClient) -> None:
    for method in ("POST", "OPTIONS"):
        for path in ("bearer/x", "lab/x", "nobody/x", "path/x/y"):
            assert sqlite_client.open(f"/hooks/{path}", method=method).status_code == 404


# CloudEvents' handshake


def ask(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.options(f"/hooks/{path}", headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_senders_of_cloud_events_may_send(sqlite_client: FlaskClient) -> None:
    for path in ("bearer", "bearer/", "lab", "path/anything"):
        answer = ask(sqlite_client, path, WebHook_Request_Origin="eventgrid.azure.net", WebHook_Request_Rate="120")
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        assert answer.headers["WebHook-Allowed-Rate"] == "*"
        assert answer.headers["Allow"] == "POST, OPTIONS"
    assert ask(sqlite_client, "nobody", WebHook_Request_Origin="eventgrid.azure.net").status_code == 404


@pytest.mark.parametrize("asked", ["", "a b", "<script>", "a,b", "\xe9", "a" * 256, "*"])
def test_what_is_no_sender_is_told_nothing(sqlite_client: FlaskClient, asked: str) -> None:
    answer = ask(sqlite_client, "lab", WebHook_Request_Origin=asked)
    assert answer.status_code == 200
    assert "WebHook-Allowed-Origin" not in answer.headers


# Filters


def test_what_is_ignored_is_counted_and_not_stored(client: FlaskClient, engine: Engine) -> None:
    head = an_event(action="pull")
    head["request"]["method"] = "HEAD"
    told = [
        an_event(), an_event(action="pull"), an_event(repository="shop/api", tag="v1", digest=B),
        an_event(action="mount"), head, an_event(repository="ci/a/b"), an_event(tag="pr-17"),
        an_event(tag=None, media_type="application/octet-stream"),
    ]  # fmt: skip
    assert tell(client, "quiet", envelope(*told), {}).get_json() == {"events": 8}
    assert tell(client, "quiet", envelope(told[-1]), {}).get_json() == {"events": 1}
    assert tell(client, "lab", envelope(*told), {}).status_code == 202
    assert stored(engine, "events", "origin") == ["lab"] * 8 + ["quiet"] * 3
    with reading(engine) as connection:
        tallies = all_tallies(connection)
    assert [(tally.events, tally.ignored, tally.repeats) for tally in map(tallies.get, ("lab", "quiet")) if tally] == [
        (8, 0, 0), (3, 6, 0)
    ]


def test_a_tag_that_moves_to_an_ignored_media_type_moves(client: FlaskClient, engine: Engine) -> None:
    """What a filter leaves out must not leave a tag where it no longer is."""
    tell(client, "quiet", envelope(an_event(second=0)), {})
    moved = an_event(second=1, digest=B, media_type="application/octet-stream")
    tell(client, "quiet", envelope(moved), {})
    tags = schema.metadata.tables["tags"]
    with reading(engine) as connection:
        assert connection.execute(select(tags.c.digest)).scalars().all() == [B]
    assert json.loads(envelope(moved))["events"][0]["target"]["digest"] == B != A

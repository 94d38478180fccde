"""What the doctor shows is what the receiver's own checks accept, for every way but a token's."""

import time
from typing import get_args

import pytest
from flask import Flask

from app.cli.proving import proven
from app.domain.proofs import Verdict
from app.domain.seals import Seal
from app.settings.proofs import Auth, ProofKind
from app.web.senders import verdict

BODY = b'{"events": []}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
WAYS = {
    "basic": {"username": "${env:WHO}", "password": "${env:SECRET}"},
    "header": {"name": "X-Own", "value": "${env:SECRET}"},
    "hmac": {"header": "X-Sig", "secret": "${env:SECRET}", "algorithm": "sha1", "prefix": "v=", "encoding": "base64"},
}
PROOFS = [kind for kind in get_args(ProofKind) if kind not in ("oidc", "path")]


def auth(kind: str) -> Auth:
    return Auth.model_validate({kind: WAYS.get(kind, "${env:SECRET}")})


def holds(kind: str, body: bytes = BODY) -> bool:
    """Whether what was proven of BODY holds of `body`."""
    now_ns = time.time_ns()
    headers = proven(auth(kind), str, BODY, "an-id", now_ns // 10**9)
    with Flask(__name__).test_request_context(headers=dict(headers)):
        shown: Verdict = verdict(auth(kind), None, now_ns)
    if isinstance(shown, Seal):
        shown.feed(body)
        return shown.holds()
    return shown


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("WHO", "alice")


@pytest.mark.parametrize("kind", PROOFS)
def test_what_is_shown_holds(kind: str) -> None:
    assert holds(kind)


@pytest.mark.parametrize("kind", [*("hmac", "standard-webhooks", "github", "gitea", "nexus", "angos")])
def test_what_signs_the_body_holds_of_no_other(kind: str) -> None:
    assert not holds(kind, BODY + b" ")


@pytest.mark.parametrize("kind", PROOFS)
def test_another_secret_does_not(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = proven(auth(kind), str, BODY, "an-id", int(time.time()))
    monkeypatch.setenv("SECRET", OTHER)
    with Flask(__name__).test_request_context(headers=dict(headers)):
        shown = verdict(auth(kind), None, time.time_ns())
    if isinstance(shown, Seal):
        shown.feed(BODY)
        shown = shown.holds()
    assert shown is False


def test_references_are_looked_up() -> None:
    basic = Auth.model_validate({"basic": WAYS["basic"]}, context={"folder": None})
    known = {"${env:WHO}": "bob", "${env:SECRET}": "secret"}.__getitem__
    assert proven(basic, known, b"", "an-id", 0) == {"Authorization": "Basic Ym9iOnNlY3JldA=="}


def test_who_has_no_proof_or_a_path_shows_nothing() -> None:
    assert proven(None, str, BODY, "an-id", 0) == {}
    path = Auth.model_validate({"path": "${env:SECRET}"})
    assert proven(path, str, BODY, "an-id", 0) == {}

"""What is to be typed on a registry's side: for every kind its own proof, and what it needs to give it."""

from typing import get_args

import pytest

from app.cli.pasting import SIDES, pasted, side
from app.settings.proofs import Auth, ProofKind

URL = "https://tagtrail.example/hooks/hub"
SECRET = "a-s3cret"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("OLD", "an-older-one")


def auth(kind: str) -> Auth:
    secrets = ["${env:SECRET}", "${env:OLD}"]
    nested = {
        "basic": {"username": "u", "password": secrets},
        "header": {"name": "X-Own", "value": secrets},
        "hmac": {"header": "X-Sig", "secret": secrets, "algorithm": "sha1", "encoding": "base64"},
    }
    return Auth.model_validate({kind: nested.get(kind, secrets)})


@pytest.mark.parametrize("kind", [*SIDES, "generic", "auto"])
def test_every_kind_is_told_where_and_with_what(kind: str) -> None:
    proof = side(kind).proof
    if proof == "oidc":
        assert kind == "gar"
        return
    text = pasted(kind, URL, auth(proof))
    assert URL in text
    assert SECRET in text
    assert "an-older-one" not in text, "the first secret is the one to use"
    assert (f"{URL}/{SECRET}" in text) is (proof == "path")


@pytest.mark.parametrize(
    ("kind", "proof"),
    [("distribution", "bearer"), ("ghcr", "github"), ("gitea", "gitea"), ("jfrog", "jfrog"), ("nexus", "nexus"),
     ("gar", "oidc"), ("quay", "path"), ("dockerhub", "path"), ("aliyun", "path"), ("ecr", "header"),
     ("zot", "bearer"), ("generic", "bearer")],
)  # fmt: skip
def test_the_proof_that_fits_a_kind(kind: str, proof: str) -> None:
    assert side(kind).proof == proof
    assert proof in get_args(ProofKind)


@pytest.mark.parametrize(
    ("proof", "lines"),
    [
        ("bearer", [f"  URL                   {URL}", f"  header Authorization  Bearer {SECRET}"]),
        ("header", [f"  URL           {URL}", f"  header X-Own  {SECRET}"]),
        ("github", [f"  URL     {URL}", f"  secret  {SECRET}"]),
        ("path", [f"  URL  {URL}/{SECRET}"]),
        ("hmac", [f"  URL        {URL}", f"  secret     {SECRET}",
                  "  signature  X-Sig: <HMAC-SHA1 of the body in base64>"]),
    ],
)  # fmt: skip
def test_a_sender_of_any_kind(proof: str, lines: list[str]) -> None:
    assert pasted("generic", URL, auth(proof)).splitlines() == ["its webhooks:", *lines]


def test_a_sender_that_proves_nothing() -> None:
    assert pasted("generic", URL, None) == f"its webhooks:\n  URL  {URL}"

"""What goes into a registry's own settings so that it sends to an origin: for each kind where, and with what proof."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.settings import ConfigurationError
from app.settings.proofs import Auth, Basic, Header, Hmac, Oidc, ProofKind


@dataclass(frozen=True, slots=True)
class Side:
    """A registry's side: the proof that it can give, and the place of its webhooks.

    `timeout_ms`: how long it waits for an answer by its own defaults, as documented (distribution's notifications,
    Harbor's job service, GitHub's webhooks); None where that is not known. Gitea: DELIVER_TIMEOUT of section webhook,
    5 s (its modules/setting/webhook.go). EventBridge: 5 s ("API destinations as targets", user guide). Pub/Sub: the
    subscription's ackDeadlineSeconds, 10 s if not set, is a push's timeout (reference of projects.subscriptions).
    """

    proof: ProofKind
    place: str
    timeout_ms: int | None = None


SIDES: Mapping[str, Side] = {
    "distribution": Side("bearer", "config.yml", 1000),
    "acr": Side("bearer", "az acr webhook create --uri URL --headers HEADER=VALUE --actions push delete"),
    "aliyun": Side("path", "the repository's Triggers"),
    "angos": Side("angos", "an event webhook of its configuration"),
    "dockerhub": Side("path", "the repository's Webhooks"),
    "ecr": Side("header", "EventBridge: a connection with this API key, API destination, rule for `aws.ecr`", 5000),
    "gar": Side("oidc", "Pub/Sub: a push subscription with authentication to the topic `gcr`", 10_000),
    "ghcr": Side("github", "Settings, Webhooks; content type application/json, event Packages", 10_000),
    "gitea": Side("gitea", "Settings, Webhooks; content type application/json, event Package", 5000),
    "harbor": Side("bearer", "the project's Webhooks; the header's value goes into Auth Header", 3000),
    "jfrog": Side("jfrog", "Administration, Webhooks; Docker events, with the secret signing or not"),
    "msr": Side("path", "the repository's Webhooks"),
    "nexus": Side("nexus", "Capabilities, Webhook: Repository; event component"),
    "quay": Side("path", "the repository's Events and Notifications: Push to Repository, Webhook POST"),
    "zot": Side("bearer", "extensions.events.sinks; type http"),
}
_OTHER = Side("bearer", "its webhooks")

OIDC = """a token's issuer has keys of its own: none can be made here. Save them as jwks.json (Google's are at
https://www.googleapis.com/oauth2/v3/certs) beside tagtrail.yml, and write there:

origins:
  {name}:
    kind: {kind}
    auth:
      oidc:
        issuer: https://accounts.google.com
        audience: {url}
        email: ACCOUNT@PROJECT.iam.gserviceaccount.com   # the push subscription's service account
        keys: "${{file:jwks.json}}"
"""


def side(kind: str) -> Side:
    return SIDES.get(kind, _OTHER)


def check_can_prove(kind: str, proof: ProofKind) -> None:
    """Raises ConfigurationError where no sender of that kind could ever prove itself so."""
    if kind == "distribution" and proof not in ("bearer", "basic", "header", "path"):
        raise ConfigurationError(
            f"distribution sends fixed headers and signs nothing, so it can't give {proof}; "
            "choose --auth bearer, basic, header or path"
        )


def pasted(kind: str, url: str, auth: Auth | None) -> str:
    """The text to paste or to type over there. Holds the secret: for printing on request only."""
    if auth is not None and auth.kind == "path":
        url = f"{url}/{auth.secrets[0]}"
    headers = fixed_headers(auth)
    if kind == "distribution":
        return _endpoint(url, headers)
    fields = {"URL": url, **{f"header {name}": value for name, value in headers.items()}, **_fields(auth)}
    width = max(map(len, fields)) + 2
    return "\n".join([f"{side(kind).place}:", *(f"  {name:<{width}}{value}" for name, value in fields.items())])


def fixed_headers(auth: Auth | None, known: Callable[[str], str] = str) -> Mapping[str, str]:
    """The fixed headers that prove a sender, if that is how it does. `known` says what a reference stands for."""
    secret = known(first_secret(auth))
    match auth.section if auth else None:
        case Basic(username=username):
            packed = base64.b64encode(f"{known(username)}:{secret}".encode()).decode()
            return {"Authorization": f"Basic {packed}"}
        case Header(name=name):
            return {name: secret}
    return {"Authorization": f"Bearer {secret}"} if auth and auth.kind == "bearer" else {}


def _fields(auth: Auth | None) -> Mapping[str, str]:
    """What else the sender has to know."""
    if auth is None or auth.kind in ("bearer", "header", "path"):
        return {}
    match auth.section:
        case Basic(username=username):
            return {"or username": username, "and password": first_secret(auth)}
        case Hmac() as how:
            form = f"{how.header}: {how.prefix}<HMAC-{how.algorithm.upper()} of the body in {how.encoding}>"
            return {"secret": first_secret(auth), "signature": form}
        case Oidc() as how:
            return {"audience": how.audience, "account": how.email or "any"}
    return {"secret": first_secret(auth)}


def first_secret(auth: Auth | None) -> str:
    return auth.secrets[0] if auth and auth.secrets else ""


def _endpoint(url: str, headers: Mapping[str, str]) -> str:
    """`notifications.endpoints` as distribution's config.yml has it."""
    lines = ["notifications:", "  endpoints:", "    - name: tagtrail", f"      url: {url}"]
    if headers:
        lines += ["      headers:", *(f"        {name}: [{json.dumps(value)}]" for name, value in headers.items())]
    return "\n".join([*lines, "      timeout: 2s", "      threshold: 5", "      backoff: 5s"])

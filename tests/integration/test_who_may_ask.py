"""Every route, asked by everybody: nobody, a wrong role, a scope that has it and one that has not, and admins.

A route that is not in the table has no decision yet, and the test fails.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, A, B, C, add_delivery, an_event, envelope, moment, take_in
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from reading_app import client_of
from sqlalchemy import Engine, insert, select, update

from app.domain.access import EVERYTHING, AccessScope, Role
from app.domain.deliveries import Status
from app.domain.times import SECOND_NS
from app.envelopes import Received
from app.store import quarantine as quarantined
from app.store import schema
from app.store import tokens as stored
from app.store.engine import reading, writing
from app.usecases import tokens
from app.usecases.ingest import reject
from app.usecases.tokens import NewToken
from app.web import callers, live

SHOP = AccessScope.parse([f"{HOST}/shop/*"])
SECRETS = ("secret/vault", "mallory", C, "outside")
"""What nobody may read whose scope is the shop."""


@dataclass(frozen=True, slots=True)
class Route:
    """`address` is in the scope of the shop; `outside` is the like out of it, and `nowhere` of nothing at all.

    `needs` None: its callers prove themselves another way, or nobody is asked. `whole`: no scope reaches it.
    """

    address: str
    needs: Role | None = Role.READ
    outside: str | None = None
    nowhere: str | None = None
    whole: bool = False
    status: int = 200
    missing: int = 404


def _tag(repository: str) -> str:
    return f"registry={HOST}&repository={repository}&tag=stable"


def _place(repository: str) -> str:
    return f"registry={HOST}&repository={repository}"


_addresses = count()
"""Each its own: an address that fails often is told to wait."""
NO_DIGEST = f"sha256:{'0' * 64}"
DECISIONS: Mapping[tuple[str, str], Route] = {
    ("GET", "/static/<path:filename>"): Route("/static/tagtrail.css", None),
    ("GET", "/livez"): Route("/livez", None),
    ("GET", "/readyz"): Route("/readyz", None),
    ("GET", "/sign-in"): Route("/sign-in", None),
    ("POST", "/sign-in"): Route("/sign-in", None, status=403),
    ("POST", "/sign-out"): Route("/sign-out", None, status=403),
    ("POST", "/hooks/<origin>"): Route("/hooks/prod", None, status=401),
    ("POST", "/hooks/<origin>/"): Route("/hooks/prod/", None, status=401),
    ("POST", "/hooks/<origin>/<secret>"): Route("/hooks/prod/x", None, status=404),
    ("POST", "/hooks/<origin>/<secret>/"): Route("/hooks/prod/x/", None, status=404),
    ("GET", "/v2/"): Route("/v2/", None),
    **{(method, "/v2/"): Route("/v2/", None, status=405) for method in ("POST", "PUT", "PATCH", "DELETE")},
    **{
        (method, "/v2/<everything:rest>"): Route("/v2/shop/web/manifests/stable", None, status=status)
        for method, status in (("GET", 404), ("POST", 405), ("PUT", 400), ("PATCH", 405), ("DELETE", 404))
    },
    ("GET", "/api/v1/events"): Route("/api/v1/events"),
    ("GET", "/api/v1/changes"): Route("/api/v1/changes?void=true"),
    ("GET", "/api/v1/activity"): Route("/api/v1/activity?actor=alice"),
    ("GET", "/api/v1/diff"): Route("/api/v1/diff?since=2026-01-01"),
    ("GET", "/api/v1/moments"): Route("/api/v1/moments?format=jsonl"),
    ("GET", "/api/v1/pulls"): Route("/api/v1/pulls"),
    ("GET", "/api/v1/repositories"): Route("/api/v1/repositories?format=csv"),
    ("GET", "/api/v1/openapi.json"): Route("/api/v1/openapi.json"),
    ("GET", "/api/v1/tags"): Route("/api/v1/tags?removed=true"),
    ("GET", "/api/v1/deliveries"): Route("/api/v1/deliveries"),
    ("GET", "/api/v1/quarantine"): Route("/api/v1/quarantine", whole=True),
    ("GET", "/api/v1/tags/at"): Route(
        f"/api/v1/tags/at?{_tag('shop/web')}", Role.READ, f"/api/v1/tags/at?{_tag('secret/vault')}",
        f"/api/v1/tags/at?{_tag('no/where')}",
    ),
    ("GET", "/api/v1/digests/<path:digest>"): Route(
        f"/api/v1/digests/{B}", Role.READ, f"/api/v1/digests/{C}", f"/api/v1/digests/{NO_DIGEST}"
    ),
    ("GET", "/api/v1/deliveries/<identity>"): Route(
        "/api/v1/deliveries/within", Role.READ, "/api/v1/deliveries/outside", "/api/v1/deliveries/nowhere"
    ),
    ("POST", "/api/v1/deliveries/<identity>/redeliver"): Route(
        "/api/v1/deliveries/within/redeliver", Role.DEPLOY, "/api/v1/deliveries/outside/redeliver",
        "/api/v1/deliveries/nowhere/redeliver", status=202,
    ),
    ("GET", "/api/v1/quarantine/<identity>"): Route("/api/v1/quarantine/KEPT", whole=True),
    ("GET", "/api/v1/quarantine/<identity>/raw"): Route("/api/v1/quarantine/KEPT/raw", whole=True),
    ("GET", "/api/v1/events/<int:seq>/raw"): Route(
        "/api/v1/events/2/raw", Role.READ, "/api/v1/events/1/raw", "/api/v1/events/999/raw"
    ),
    ("GET", "/"): Route("/"),
    ("GET", "/ask"): Route("/ask"),
    ("GET", "/moments"): Route("/moments?known_at=now"),
    ("GET", "/diff"): Route("/diff?since=2026-01-01&known_at=now&repository=**"),
    ("GET", "/pulls"): Route("/pulls"),
    ("GET", "/digests"): Route(
        f"/digests?digest={B[:15]}", Role.READ, f"/digests?digest={C[:15]}", f"/digests?digest={NO_DIGEST[:15]}"
    ),
    ("GET", "/live"): Route("/live?after=0"),
    ("GET", "/tag"): Route(
        f"/tag?{_tag('shop/web')}&at=now", Role.READ, f"/tag?{_tag('secret/vault')}&at=now",
        f"/tag?{_tag('no/where')}&at=now",
    ),
    ("GET", "/digests/<path:digest>"): Route(f"/digests/{B}", Role.READ, f"/digests/{C}", f"/digests/{NO_DIGEST}"),
    ("GET", "/repositories"): Route("/repositories"),
    ("GET", "/repository"): Route(
        f"/repository?{_place('shop/web')}", Role.READ, f"/repository?{_place('secret/vault')}",
        f"/repository?{_place('no/where')}",
    ),
    ("GET", "/actor"): Route("/actor?name=bob", Role.READ, "/actor?name=mallory", "/actor?name=nobody"),
    ("GET", "/origins"): Route("/origins", whole=True),
    ("GET", "/quarantine"): Route("/quarantine", whole=True),
    ("GET", "/quarantine/<identity>"): Route("/quarantine/KEPT", whole=True),
    ("POST", "/quarantine/<identity>/retry"): Route("/quarantine/KEPT/retry", Role.ADMIN, whole=True, status=422),
    ("GET", "/deliveries"): Route("/deliveries"),
    ("GET", "/deliveries/<identity>"): Route(
        "/deliveries/within", Role.READ, "/deliveries/outside", "/deliveries/nowhere"
    ),
    ("POST", "/deliveries/<identity>/redeliver"): Route(
        "/deliveries/within/redeliver", Role.DEPLOY, "/deliveries/outside/redeliver", "/deliveries/nowhere/redeliver",
        status=303,
    ),
}
DECISIONS |= {
    ("GET", "/api/v1/approvals"): Route("/api/v1/approvals"),
    ("GET", "/api/v1/changes/<identity>/explain"): Route(
        "/api/v1/changes/event:5/explain", Role.READ, "/api/v1/changes/event:6/explain",
        "/api/v1/changes/event:999/explain",
    ),
    ("GET", "/api/v1/traces/<path:identity>"): Route(
        f"/api/v1/traces/{B}", Role.READ, f"/api/v1/traces/{C}", f"/api/v1/traces/{NO_DIGEST}"
    ),
    ("GET", "/trace"): Route(
        f"/trace?of={B}", Role.READ, f"/trace?of={C}", f"/trace?of={NO_DIGEST}"
    ),
    ("GET", "/api/v1/pauses"): Route("/api/v1/pauses", whole=True),
    ("GET", "/api/v1/destinations"): Route("/api/v1/destinations", whole=True),
    ("GET", "/api/v1/destinations/<name>"): Route("/api/v1/destinations/trigger:web", whole=True),
    ("GET", "/destinations"): Route("/destinations", whole=True),
    ("GET", "/destinations/<name>"): Route("/destinations/trigger:web", whole=True),
    ("GET", "/approvals"): Route("/approvals"),
    ("GET", "/approvals/<identity>"): Route(
        "/approvals/within", Role.READ, "/approvals/outside", "/approvals/nowhere"
    ),
    ("GET", "/pauses"): Route("/pauses", whole=True),
    ("GET", "/metrics"): Route("/metrics", whole=True),
    ("GET", "/approve/<secret>"): Route("/approve/nobody-was-sent-this", None, status=404),
    ("POST", "/approve/<secret>"): Route("/approve/nobody-was-sent-this", None, status=403),
}
ONCE: Mapping[tuple[str, str], Route] = {
    ("POST", "/api/v1/deliveries/redeliver-failed"): Route(
        "/api/v1/deliveries/redeliver-failed?since=2026-01-01", Role.DEPLOY, status=202
    ),
    ("POST", "/api/v1/deliveries/<identity>/drop"): Route(
        "/api/v1/deliveries/dead/drop?reason=so", Role.DEPLOY, "/api/v1/deliveries/dead-outside/drop?reason=so",
        "/api/v1/deliveries/nowhere/drop?reason=so", status=202,
    ),
    ("POST", "/deliveries/<identity>/drop"): Route(
        "/deliveries/dead/drop", Role.DEPLOY, "/deliveries/dead-outside/drop", "/deliveries/nowhere/drop", status=303
    ),
    **{
        ("POST", f"/api/v1/approvals/<identity>/{word}"): Route(
            f"/api/v1/approvals/within/{word}", Role.DEPLOY, f"/api/v1/approvals/outside/{word}",
            f"/api/v1/approvals/nowhere/{word}", status=409,  # its tag moved on
        )
        for word in ("approve", "reject")
    },
    ("POST", "/approvals/<identity>"): Route(
        "/approvals/within", Role.DEPLOY, "/approvals/outside", "/approvals/nowhere", status=409
    ),
    ("POST", "/api/v1/redeploy"): Route(
        f"/api/v1/redeploy?{_tag('shop/web')}&digest={A}", Role.DEPLOY,
        f"/api/v1/redeploy?{_tag('secret/vault')}&digest={B}", f"/api/v1/redeploy?{_tag('no/where')}&digest={B}",
        status=202, missing=400,
    ),
    ("GET", "/redeploy"): Route(
        f"/redeploy?{_tag('shop/web')}&digest={A}", Role.READ, f"/redeploy?{_tag('secret/vault')}&digest={B}",
        f"/redeploy?{_tag('no/where')}&digest={B}", missing=400,
    ),
    ("POST", "/redeploy"): Route("/redeploy", Role.DEPLOY),
    ("POST", "/api/v1/pauses"): Route("/api/v1/pauses?scope=everything", Role.DEPLOY, whole=True, status=202),
    ("DELETE", "/api/v1/pauses"): Route("/api/v1/pauses?scope=everything", Role.DEPLOY, whole=True, status=202),
    ("POST", "/pauses"): Route("/pauses", Role.DEPLOY, whole=True, status=303),
    **{
        ("POST", f"/api/v1/destinations/<name>/{deed}"): Route(
            f"/api/v1/destinations/trigger:web/{deed}", Role.DEPLOY, whole=True, status=202
        )
        for deed in ("enable", "disable")
    },
    ("POST", "/destinations/<name>/enable"): Route(
        "/destinations/trigger:web/enable", Role.DEPLOY, whole=True, status=303
    ),
    ("POST", "/pauses/resume"): Route("/pauses/resume", Role.DEPLOY, whole=True, status=303),
}
"""Deeds that can be done once."""
FORMS = {
    **{f"/deliveries/{one}/drop": {"reason": "so"} for one in ("dead", "dead-outside", "nowhere")},
    "/redeploy": {"registry": HOST, "repository": "shop/web", "tag": "stable", "digest": A},
    "/pauses": {"scope": "everything"},
    "/pauses/resume": {"scope": "everything"},
}
ASKED = [(method, route) for (method, _), route in DECISIONS.items() if route.needs is not None]
CONFIG = """
origins: {prod: {kind: distribution, auth: {bearer: "${env:PROD_SECRET}"}}}
web: {token: "${env:PAGES_TOKEN}", require_token: true}
triggers: {web: {kind: webhook, url: "http://127.0.0.1:1/"}}
rules: [{name: web, deploy: [web], when: {origin: prod}}]
"""


@dataclass(frozen=True, slots=True)
class House:
    """An app that asks everybody, on loopback, and a secret for each kind of caller."""

    client: FlaskClient
    engine: Engine
    kept: str
    secrets: Mapping[str, str]

    def ask(self, method: str, address: str, who: str | None = None) -> Any:
        headers = {} if who is None else {"Authorization": f"Bearer {self.secrets[who]}"}
        form = FORMS.get(address, {"decision": "approve"}) if method == "POST" else None
        return self.client.open(address.replace("KEPT", self.kept), method=method, headers=headers, data=form)


@pytest.fixture
def house(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    take_in(
        engine,
        an_event(second=5, repository="secret/vault", digest=B, actor="mallory"),
        an_event(second=10),
        an_event(second=20, digest=B, actor="bob"),
        an_event(second=30, repository="secret/vault", digest=C, actor="mallory"),
        an_event(second=40, action="pull", tag=None),
        an_event(second=41, action="pull", repository="secret/vault", digest=C, actor="mallory"),
    )
    add_delivery(engine, "within", 1)
    add_delivery(engine, "dead", 1, status=Status.DEAD)
    add_delivery(engine, "dead-outside", 2, repository="secret/vault", after=C, status=Status.DEAD)
    add_delivery(engine, "outside", 2, repository="secret/vault", after=C)
    entry = reject("prod", Received(b"\xff secret/vault"), moment(1), ("unreadable", "not UTF-8: byte 0"))
    with writing(engine) as connection:
        quarantined.add(connection, [entry])
        for number, identity in enumerate(("within", "outside")):
            asked = {"delivery_id": identity, "digest": B, "asked_ns": 1, "deadline_ns": 2**62, "link": bytes([number])}
            connection.execute(insert(schema.approvals).values(asked))
    monkeypatch.setattr(live, "LASTS_S", 0.01)
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.001)
    made = {"access-token": "open-sesame"}
    for role in Role:
        made[role] = tokens.issue(engine, NewToken(f"the-{role}", role, EVERYTHING), "os:ann")
        made[f"{role} of the shop"] = tokens.issue(engine, NewToken(f"shop-{role}", role, SHOP), "os:ann")
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    environment = {"PROD_SECRET": "s3cret", "PAGES_TOKEN": "open-sesame", "TAGTRAIL_JOURNAL_URL": database_url}
    with client_of(monkeypatch, tmp_path, database_url, **environment) as client:
        yield House(client, engine, entry.id, made)


def test_every_route_has_a_decision(house: House) -> None:
    rules = house.client.application.url_map.iter_rules()
    found = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert found == set(DECISIONS) | set(ONCE)


@pytest.mark.parametrize("deed", ONCE)
def test_a_deed_takes_its_role_and_its_scope(house: House, deed: tuple[str, str]) -> None:
    route = ONCE[deed]
    if deed[0] == "DELETE" or deed[1] == "/pauses/resume":
        assert house.ask("POST", "/api/v1/pauses?scope=everything", "deploy").status_code == 202
    assert house.ask(deed[0], route.address).status_code == 401
    for who in (one for one in ("read", "ingest", "read of the shop") if route.needs is Role.DEPLOY):
        assert house.ask(deed[0], route.address, who).status_code == 403, who
    if route.whole:
        assert house.ask(deed[0], route.address, "deploy of the shop").status_code == 403
    for address in filter(None, (route.outside, route.nowhere)):
        assert house.ask(deed[0], address, "deploy of the shop").status_code == route.missing, address
    who = "deploy" if route.whole else "deploy of the shop"
    answer = house.ask(deed[0], route.address, who)
    assert answer.status_code == route.status, answer.text
    assert not [secret for secret in SECRETS if secret in answer.text]


def test_what_asks_nobody_or_in_its_own_way(house: House) -> None:
    for (method, _), route in DECISIONS.items():
        if route.needs is None:
            answer = house.ask(method, route.address)
            assert answer.status_code == route.status, (method, route)
            answer.close()


def test_nobody_is_told_anything(house: House) -> None:
    for method, route in ASKED:
        for address in filter(None, (route.address, route.outside, route.nowhere)):
            answer = house.ask(method, address)
            assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), (method, address)
            assert "shop" not in answer.text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_wrong_role_is_told_which_it_takes(house: House) -> None:
    for method, route in ASKED:
        assert route.needs is not None
        for role in Role:
            for who in (role, f"{role} of the shop"):
                if not role.covers(route.needs):
                    answer = house.ask(method, route.address, who)
                    assert answer.status_code == 403, (method, route.address, who)
                    assert answer.json["role"] == route.needs
                    assert f"the role {route.needs}; yours has {role}" in answer.json["detail"]


def test_a_scope_that_has_it_is_answered_and_told_nothing_else(house: House) -> None:
    for method, route in ASKED:
        answer = house.ask(method, route.address, f"{route.needs} of the shop")
        if route.whole:
            assert answer.status_code == 403, route
            assert "ask with a token that has no scope" in answer.text
        else:
            assert answer.status_code == route.status, (method, route, answer.text)
            assert method == "POST" or "shop" in answer.text, route
        for secret in SECRETS:
            assert secret not in answer.text, (method, route.address, secret)


def test_out_of_scope_is_as_if_it_were_not_there(house: House) -> None:
    for (method, rule), route in DECISIONS.items():
        if route.outside is None:
            assert "<" not in rule or route.needs is None or route.whole, f"{rule} names one thing"
            continue
        assert route.nowhere is not None
        for who in ("admin of the shop", f"{route.needs} of the shop"):
            outside, nowhere = house.ask(method, route.outside, who), house.ask(method, route.nowhere, who)
            assert (outside.status_code, nowhere.status_code) == (404, 404), (method, route)
            assert _without_form(outside.text) == _without_form(nowhere.text)
        assert house.ask(method, route.outside, "admin").status_code == route.status, (method, route)


def _without_form(text: str) -> str:
    return re.sub(r'name="csrf" value="[^"]*"', "", text)


def test_admins_and_the_unscoped_have_all(house: House) -> None:
    for method, route in ASKED:
        for who in (route.needs, "admin", "access-token"):
            assert who is not None
            assert house.ask(method, route.address, who).status_code == route.status, (method, route, who)
    assert "secret/vault" in house.ask("GET", "/", "read").text


def test_a_page_shows_actions_only_to_those_who_may(house: House) -> None:
    assert "Send again" not in house.ask("GET", "/deliveries/within", "read").text
    assert "Send again" in house.ask("GET", "/deliveries/within", "deploy").text
    assert "Drop" not in house.ask("GET", "/deliveries/within", "deploy").text
    assert "Drop" not in house.ask("GET", "/deliveries/dead", "read").text
    assert "Drop" in house.ask("GET", "/deliveries/dead", "deploy").text
    assert "Read again" not in house.ask("GET", "/quarantine/KEPT", "deploy").text
    assert "Read again" in house.ask("GET", "/quarantine/KEPT", "admin").text


def test_a_page_leads_nobody_to_where_his_scope_does_not_reach(house: House) -> None:
    for address in ("/origins", "/quarantine", "/destinations"):
        assert f'href="{address}"' in house.ask("GET", "/", "read").text
        assert f'href="{address}"' not in house.ask("GET", "/", "read of the shop").text


def test_a_question_asked_in_any_way_stays_in_scope(house: House) -> None:
    for address in (
        "/moments", "/diff?since=2026-01-01", "/pulls?stale=1", "/?known_at=now&repository=**", "/?moved_releases=1",
        f"/tag?{_tag('shop/web')}&known_at=now", f"/digests?digest={B}", f"/pulls?digest={C}", "/pulls?actor=mallory",
        "/moments?repository=secret/*", "/diff?since=2026-01-01&repository=secret/vault&known_at=now",
    ):
        seen = house.ask("GET", address, "read of the shop").text.partition("<main")[2]
        whole = house.ask("GET", address, "read").text.partition("<main")[2]
        lines = [re.findall('(?s)<li.*?</li>', text) for text in (seen, whole)]
        assert not [line for line in lines[0] for secret in SECRETS if secret in line], address
        assert len(lines[0]) <= len(lines[1])
    assert "secret/vault" in house.ask("GET", "/pulls", "read").text


def test_redelivering_makes_it_due(house: House) -> None:
    with writing(house.engine) as connection:
        connection.execute(update(schema.deliveries).values(next_attempt_ns=None, status="dead"))
    assert house.ask("POST", "/api/v1/deliveries/outside/redeliver", "deploy of the shop").status_code == 404
    assert house.ask("POST", "/api/v1/deliveries/within/redeliver", "deploy of the shop").json == {"id": "within"}
    with reading(house.engine) as connection:
        due = select(schema.deliveries.c.id).where(schema.deliveries.c.next_attempt_ns.is_not(None))
        assert connection.execute(due).scalars().all() == ["within"]


def test_a_token_that_is_revoked_or_has_expired_opens_nothing(house: House) -> None:
    secret = tokens.issue(house.engine, NewToken("brief", Role.READ, EVERYTHING, 3600 * SECOND_NS), "os:ann")
    asking = {"Authorization": f"Bearer {secret}"}
    assert house.client.get("/api/v1/tags", headers=asking).status_code == 200
    with writing(house.engine) as connection:
        connection.execute(update(schema.tokens).where(schema.tokens.c.name == "brief").values(expires_ns=1))
    assert house.client.get("/api/v1/tags", headers=asking).status_code == 401
    assert house.ask("GET", "/api/v1/tags", "read").status_code == 200
    tokens.revoke(house.engine, "the-read", "os:ann")
    assert house.ask("GET", "/api/v1/tags", "read").status_code == 401


def test_no_secret_is_kept_and_the_last_use_is_written_once_an_hour(house: House) -> None:
    for _ in range(3):
        house.ask("GET", "/api/v1/tags", "read")
    with reading(house.engine) as connection:
        rows = connection.execute(select(schema.tokens)).all()
        first = stored.named(connection, "the-read")
        unused = stored.named(connection, "the-admin")
    assert not [secret for secret in house.secrets.values() if secret in repr(rows)]
    assert first is not None
    assert first.last_used_ns is not None
    assert unused is not None
    assert unused.last_used_ns is None
    with writing(house.engine) as connection:
        stored.used(connection, "the-read", first.last_used_ns + 5, first.last_used_ns)
        assert stored.named(connection, "the-read") == first, "noted within the hour"
        stored.used(connection, "the-read", first.last_used_ns + 5, first.last_used_ns + 1)
        again = stored.named(connection, "the-read")
        assert again is not None
        assert again.last_used_ns == first.last_used_ns + 5


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60), st.booleans())
def test_no_made_up_secret_opens_anything(house: House, secret: str, prefixed: bool) -> None:
    headers = {"Authorization": f"Bearer {tokens.PREFIX if prefixed else ''}{secret}"}
    elsewhere = {"REMOTE_ADDR": f"192.0.2.{next(_addresses)}"}
    assert house.client.get("/api/v1/tags", headers=headers, environ_overrides=elsewhere).status_code == 401


def test_the_access_token_is_compared_in_constant_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(callers.hmac, "compare_digest", compare)
    assert house.client.get("/api/v1/tags", headers={"Authorization": "Bearer wrong"}).status_code == 200
    assert compared == [(b"wrong", b"open-sesame")], "what it says is what counts"


def test_a_token_may_send_for_origins_all_of_whose_registries_it_may(house: House) -> None:
    """With the role ingest, in place of the origin's own secret; CONFIG's origin writes under `prod`."""
    scopes = {"whole": "prod/**", "any": "*/**", "part": "prod/shop/*", "other": "prox/**", "deep": "prod/**/**"}
    found = {}
    for name, glob in scopes.items():
        secret = tokens.issue(house.engine, NewToken(name, Role.INGEST, AccessScope.parse([glob])), "os:ann")
        found[name] = _post(house, secret)
    assert found == {"whole": 202, "any": 202, "part": 401, "other": 401, "deep": 401}
    by_role = {who: _post(house, secret) for who, secret in house.secrets.items()}
    assert {who for who, status in by_role.items() if status == 202} == {"ingest", "admin"}
    tokens.revoke(house.engine, "whole", "os:ann")
    tokens.revoke(house.engine, "the-ingest", "os:ann")
    assert _post(house, house.secrets["ingest"]) == 401
    assert _post(house, "s3cret") == 202, "the origin's own"


def _post(house: House, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return house.client.post("/hooks/prod", data=envelope(an_event()), headers=headers).status_code


def test_on_loopback_a_shown_token_still_counts(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked there; who shows a token sees what it sees."""
    take_in(engine, an_event(), an_event(second=1, repository="secret/vault"))
    secret = tokens.issue(engine, NewToken("shop", Role.READ, SHOP), "os:ann")
    with client_of(monkeypatch, tmp_path, database_url) as client:
        assert len(client.get("/api/v1/tags").json["items"]) == 2
        scoped = client.get("/api/v1/tags", headers={"Authorization": f"Bearer {secret}"})
        assert [item["repository"] for item in scoped.json["items"]] == ["shop/web"]
        assert client.get("/api/v1/tags", headers={"Authorization": "Bearer other"}).status_code == 200

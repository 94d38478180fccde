"""The description of the API, against the schema of OpenAPI 3.1, the routes, and what they take and answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, A, B, add_delivery, an_event, moment, take_in, try_delivery
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from reading_app import client_of
from sqlalchemy import Engine, update

from app.domain.approvals import Approval
from app.domain.deliveries import Status
from app.domain.holds import Pause
from app.envelopes import Received
from app.store import approvals, pauses
from app.store import quarantine as quarantined
from app.store.engine import make_engine, writing
from app.store.schema import deliveries
from app.usecases.ingest import reject

ENTRY = reject("prod", Received(b"no"), moment(1), ("unreadable", "not JSON"))
PLACES = {"seq": "1", "digest": A, "identity": "msg_1", "name": "trigger:web"}
CONFIG = """\
triggers: {web: {kind: webhook, url: "http://127.0.0.1:9/"}}
rules: [{name: web, when: {registry: registry.example:5000}, deploy: [web]}]
"""


@pytest.fixture
def client(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    engine = make_engine(sqlite_url)
    fill(engine)
    engine.dispose()
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, sqlite_url) as made:
        yield made


def fill(engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=1, tag="v1.0"), an_event(second=2, tag="v1.0", digest=B),
            an_event(second=3, tag=None, action="pull"), an_event(second=4, action="delete", digest=None, tag="v1.0"))
    add_delivery(engine, "msg_1", 0)
    add_delivery(engine, "msg_2", 0)
    for dead in ("msg_3", "msg_4"):
        add_delivery(engine, dead, 0, status=Status.DEAD)
    try_delivery(engine, "trigger:web", 1, (503, "HTTP 503", b"busy"))
    with writing(engine) as connection:
        quarantined.add(connection, [ENTRY])
        pauses.put(connection, Pause("rule:web", moment(0), None, "os:alice", None))
        connection.execute(update(deliveries).values(cause="manual"))
        for identity in ("msg_1", "msg_2"):
            approvals.add(connection, Approval(identity, B, moment(0), 2**62, None, None, None, None), None)


def described(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.text)
    return found


def test_it_is_openapi(client: FlaskClient) -> None:
    OpenAPIV31SpecValidator(described(client)).validate()


def test_every_route_is_in_it(client: FlaskClient) -> None:
    rules = {rule.rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(rules) > 15
    in_it = {f"/api/v1{path}" for path in described(client)["paths"]}
    assert in_it == {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule) for rule in rules}


def call(client: FlaskClient, method: str, path: str, query: dict[str, str]) -> Any:
    """As a program does that has no token."""
    return client.open(path, method=method.upper(), query_string=query, headers={"Content-Type": "application/json"})


def address(path: str) -> str:
    places = PLACES | ({"identity": ENTRY.id} if "quarantine" in path else {})
    places |= {"identity": "msg_2"} if path.endswith("reject") else {}
    places |= {"identity": "msg_3"} if path.endswith("drop") else {}
    places |= {"identity": A} if "traces" in path else {}
    places |= {"identity": "event:4"} if path.endswith("explain") else {}
    return f"/api/v1{path.format(**places)}"


def sample(parameter: dict[str, Any]) -> str:
    """A value that the description allows."""
    schema = parameter["schema"]
    found = {"cursor": None, "registry": HOST, "repository": "shop/web", "tag": "v1.0"}.get(parameter["name"])
    if found:
        return found
    if parameter["name"] == "scope":
        return "rule:web"
    if "$ref" in schema:
        return "created" if "Kind" in schema["$ref"] else "pending"
    known = [*schema.get("examples", []), *schema.get("enum", [])]
    return known[0] if known else {"integer": "1", "boolean": "true", "string": "x"}[schema["type"]]


def test_every_parameter_is_taken_and_no_other(client: FlaskClient) -> None:
    taken = 0
    for path, operations in described(client)["paths"].items():
        for method, operation in operations.items():
            if method != "get":
                query = {**needed_by(path, operation), "nonsense": "1"}
                assert "is no parameter here" in call(client, method, address(path), query).text
        if "get" not in operations:
            continue
        parameters = [one for one in operations["get"]["parameters"] if one["in"] == "query"]
        needed = {one["name"]: sample(one) for one in parameters if one["required"]}
        for one in parameters:
            query = {**needed, "repository": "shop/*"} if one["name"] == "known_at" else dict(needed)
            query = {name: value for name, value in query.items() if name in {two["name"] for two in parameters}}
            answer = client.get(address(path), query_string={**query, one["name"]: sample(one)})
            if one["name"] == "cursor":
                assert "not a cursor" in answer.text
            else:
                assert answer.status_code in (200, 404), (path, one, answer.text)
                assert "is no parameter here" not in answer.text
            if one["required"]:
                less = {name: value for name, value in needed.items() if name != one["name"]}
                assert f"{one['name']}: is missing" in client.get(address(path), query_string=less).text
            taken += 1
        assert "is no parameter here" in client.get(address(path), query_string={**needed, "nonsense": "1"}).text
    assert taken > 60


def test_every_answer_is_what_it_says(client: FlaskClient) -> None:
    document = described(client)
    checked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = call(client, method, address(path), needed_by(path, operation))
            status, said = next(iter(operation["responses"].items()))
            assert str(answer.status_code) == status, (path, answer.text)
            media_type, body = next(iter(said["content"].items()))
            assert answer.mimetype == media_type
            schema = body.get("schema")
            if schema is not None:
                closed = {**schema, "components": closed_components(document)}
                Draft202012Validator(closed).validate(json.loads(answer.text))
                assert path == "/openapi.json" or "items" not in answer.json or answer.json["items"], path
                checked += 1
    assert checked > 18


def needed_by(path: str, operation: dict[str, Any]) -> dict[str, str]:
    """What has to be asked with; a redeploy also says of what."""
    asked = [one for one in operation["parameters"] if one["in"] == "query" and one["required"]]
    needed = {one["name"]: sample(one) for one in asked} | ({"digest": A} if path == "/redeploy" else {})
    return needed | ({"actor": "alice"} if "actor" in needed else {})


def closed_components(document: dict[str, Any]) -> dict[str, Any]:
    """The components, with nothing allowed that they don't name."""
    schemas = document["components"]["schemas"]
    closed = {name: {**schema, "additionalProperties": False} if schema.get("type") == "object" else schema
              for name, schema in schemas.items()}
    return {"schemas": closed}


@pytest.mark.parametrize(("form", "media_type"), [("jsonl", "application/jsonl"), ("csv", "text/csv")])
def test_whole_lists(client: FlaskClient, form: str, media_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.api.MOST", 1)
    answer = client.get(f"/api/v1/changes?format={form}&repository=shop/*")
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="tagtrail-changes.{form}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.text.splitlines()) == 4 + (form == "csv"), "page after page, here of one line each"
    first = json.loads(client.get("/api/v1/changes?limit=1").text)
    rest = client.get(f"/api/v1/changes?format={form}&cursor={first['next']}")
    assert len(rest.text.splitlines()) == 3 + (form == "csv"), "a cursor goes on"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("changes?format=csv&limit=3", "limit"),
        ("changes?format=xml", "format"),
        ("changes?format=csv&cursor=x", "cursor"),
        ("changes?known_at=now", "known_at"),
        ("diff?since=7d&known_at=now", "known_at"),
        ("pulls?stale=true&known_at=now", "known_at"),
        ("diff", "since"),
        ("activity", "actor"),
        ("events?repository=*-*-*-*-*", "repository"),
    ],
)
def test_refusals_come_before_anything_is_sent(client: FlaskClient, query: str, parameter: str) -> None:
    answer = client.get(f"/api/v1/{query}")
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert json.loads(answer.text)["parameter"] == parameter

"""What is the same event again and what is another: of senders without ids, of those who sign, and of large bodies."""

import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import POLICY, PROD, A, B, an_event, envelope, moment
from flask.testing import FlaskClient
from origins_on_disk import received
from reading_app import client_of
from sqlalchemy import Engine, event, select

from app.domain.origins import Expressions, Origin
from app.envelopes import Received, parse
from app.store import schema
from app.store.engine import UnavailableError, reading
from app.usecases import ingest as ingesting
from app.usecases.ingest import MOST_EVENTS, Parcel, ingest, parts

JFROG = Origin("jfrog", "jfrog", ("r",))
GENERIC = Origin("own", "generic", ("r",), expressions=Expressions("a", "r", tag="t", digest="d"))
SECRET = "s3cret"


def pushed(digest: str, what: str = "pushed") -> bytes:
    """As JFrog tells it: no id and no time."""
    data = {
        "repo_key": "docker-local", "image_name": "shop/web", "name": "manifest.json", "tag": "stable",
        "sha256": digest.removeprefix("sha256:"),
    }
    return json.dumps({"domain": "docker", "event_type": what, "data": data}).encode()


def parcel(origin: Origin, body: bytes, at_s: float) -> Parcel:
    found = parse(origin.kind, Received(body), origin.expressions)
    assert not found.faults
    return Parcel(origin, found, moment(at_s))


def rows(engine: Engine, table: str, order: str = "seq") -> Sequence[Any]:
    found = schema.metadata.tables[table]
    with reading(engine) as connection:
        return connection.execute(select(found).order_by(found.c[order])).all()


def present(engine: Engine) -> str | None:
    (tag,) = rows(engine, "tags", "tag")
    return tag.digest


def told(engine: Engine) -> tuple[int, int]:
    (tally,) = rows(engine, "origins", "name")
    return tally.events, tally.repeats


A_B_A = [pushed(A), pushed(B), pushed(A)]


@pytest.mark.parametrize("together", [False, True])
def test_a_tag_that_goes_back_within_ten_minutes_is_back(engine: Engine, *, together: bool) -> None:
    told_of = [parcel(JFROG, body, at) for at, body in enumerate(A_B_A)]
    for group in [told_of] if together else [[one] for one in told_of]:
        ingest(engine, group, POLICY)
    assert (present(engine), told(engine)) == (A, (3, 0))
    assert [row.kind for row in rows(engine, "changes", "time_ns")] == ["created", "moved", "moved"]
    for at in (3, 4):
        ingest(engine, [parcel(JFROG, pushed(A), at)], POLICY)
    assert (present(engine), told(engine)) == (A, (3, 2)), "and what is where it is to be is a repeat"
    for at, body in enumerate([pushed(B), pushed(A)], 5):
        ingest(engine, [parcel(JFROG, body, at)], POLICY)
    assert (present(engine), told(engine)) == (A, (5, 2))


def test_a_tag_that_was_deleted_and_pushed_again_is_there(engine: Engine) -> None:
    for at, body in enumerate([pushed(A), pushed(A, "deleted"), pushed(A), pushed(A)]):
        ingest(engine, [parcel(JFROG, body, at)], POLICY)
    assert (present(engine), told(engine)) == (A, (3, 1))
    ingest(engine, [parcel(JFROG, pushed(A, "deleted"), 5)], POLICY)
    assert (present(engine), told(engine)) == (None, (4, 1))


def test_a_manifest_that_was_deleted_twice_is_gone(engine: Engine) -> None:
    push = {"a": "push", "r": "shop/web", "t": "stable", "d": A}
    delete = {"a": "delete", "r": "shop/web", "d": A}
    for at, body in enumerate([push, delete, delete, push, delete]):
        ingest(engine, [parcel(GENERIC, json.dumps(body).encode(), at)], POLICY)
    assert (present(engine), told(engine)) == (None, (4, 1))


def test_a_body_that_moves_a_tag_twice_is_one_when_it_comes_again(engine: Engine) -> None:
    """What it says last of the tag holds, so nothing is to be done."""
    batch = Origin("own", "generic", ("r",), expressions=Expressions("a", "r", events="all", tag="t", digest="d"))
    body = json.dumps({"all": [{"a": "push", "r": "shop/web", "t": "stable", "d": digest} for digest in (A, B)]})
    for at in range(2):
        ingest(engine, [parcel(batch, body.encode(), at)], POLICY)
    assert told(engine) == (2, 2)


def anonymous(number: int) -> bytes:
    return envelope(*[an_event(id=None, tag=f"v{ordinal}") for ordinal in range(number)])


@pytest.fixture
def client(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    auth = "hmac: {header: X-Sig, secret: \"${env:SECRET}\"}"
    (tmp_path / "tagtrail.yml").write_text(
        "origins:\n"
        "  hub: {kind: ghcr, auth: {github: \"${env:SECRET}\"}}\n"
        f"  prod: {{kind: distribution, registries: [registry.example:5000], auth: {{{auth}}}}}\n"
        f"  zot: {{kind: zot, auth: {{{auth}}}}}\n"
    )
    with client_of(monkeypatch, tmp_path, database_url, SECRET=SECRET) as made:
        yield made


def code(body: bytes) -> str:
    return hmac.digest(SECRET.encode(), body, "sha256").hex()


def test_a_large_body_is_taken_in_in_parts_and_once(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, sizes = anonymous(2 * MOST_EVENTS + 5), []
    take_in = ingesting._take_in

    def dies_at_the_second(connection: Any, parcels: Sequence[Parcel], policy: Any) -> bool:
        sizes.append(sum(len(one.reading.reports) for one in parcels))
        if len(sizes) == 2:
            raise UnavailableError("gone")
        return take_in(connection, parcels, policy)

    monkeypatch.setattr(ingesting, "_take_in", dies_at_the_second)
    assert client.post("/hooks/prod", data=body, headers={"X-Sig": code(body)}).status_code == 503
    assert client.post("/hooks/prod", data=body, headers={"X-Sig": code(body)}).status_code == 202
    assert sizes == [MOST_EVENTS, MOST_EVENTS, MOST_EVENTS, MOST_EVENTS, 5]
    assert told(engine) == (2 * MOST_EVENTS + 5, MOST_EVENTS)
    assert len({row.tag for row in rows(engine, "events")}) == 2 * MOST_EVENTS + 5


def test_what_goes_into_quarantine_goes_there_once() -> None:
    found = parse("distribution", Received(anonymous(MOST_EVENTS + 1)))
    whole = Parcel(PROD, found, 0, ingesting.reject("prod", Received(b"{"), 0, ("unreadable", "")))
    assert [(len(one.reading.reports), one.rejected) for one in parts(whole)] == [
        (MOST_EVENTS, None), (1, whole.rejected)
    ]
    assert parts(Parcel(PROD, parse("distribution", Received(b"{")), 0)) != []


def test_names_are_looked_up_together(engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counts = []
    for at, number in enumerate((10, 200)):
        asked.clear()
        ingest(engine, [parcel(PROD, anonymous(number), at)], POLICY)
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 2


def test_a_signed_body_is_one_event_whatever_stands_beside_it(client: FlaskClient, engine: Engine) -> None:
    first = received("ghcr", "package-published").body
    second = first.replace(b"4b5e57f6", b"4b5e57f7").replace(b":30Z", b":31Z")
    assert second != first
    for number, body in enumerate((first, second, first, first)):
        headers = {"X-Hub-Signature-256": f"sha256={code(body)}", "X-GitHub-Delivery": f"delivery-{number}"}
        answer = client.post("/hooks/hub", data=body, headers={**headers, "X-GitHub-Event": "package"})
        assert answer.status_code == 202
    assert told(engine) == (2, 2)
    assert [row.request_id for row in rows(engine, "events")] == ["delivery-0", "delivery-1"]


def test_what_a_signature_does_not_cover_does_not_say_what_happened(client: FlaskClient, engine: Engine) -> None:
    """CloudEvents in binary mode have it in headers: whoever has a signed push could make a delete of it."""
    sent = received("zot", "push-tag")
    for kind in ("zotregistry.image.updated", "zotregistry.image.deleted"):
        headers = {**sent.headers, "ce-type": kind, "X-Sig": code(sent.body)}
        assert client.post("/hooks/zot", data=sent.body, headers=headers).status_code == 202
    assert rows(engine, "events") == []
    assert [row.reason for row in rows(engine, "quarantine", "id")] == ["unreadable"] * 2

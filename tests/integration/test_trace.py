"""One id from a push to its message: the line of steps, by every name that leads to it, and what is sent along."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import HOST, A, B, an_event, take_in
from click.testing import CliRunner
from listener import Listener, Reply
from reading_app import client_of
from sqlalchemy import Engine

from app.cli import main
from app.domain.access import EVERYTHING, AccessScope, Glob
from app.domain.asking import asking, resolved
from app.domain.changes import TagKey
from app.domain.digests import Descriptor, Digest
from app.domain.events import Provenance
from app.domain.settling import Settle
from app.domain.traces import Trace
from app.envelopes import Reading
from app.outbound import Door
from app.store import events, schema
from app.store.engine import reading, writing
from app.store.queries import traces
from app.usecases.ingest import Parcel, ingest
from app.usecases.make_redeploys import make_redeploys
from app.usecases.redeliver import redeliver
from app.usecases.redeploy import Wanted, ask
from app.web.shown import brief


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, [rule(alert=True)])


def found(stage: Stage, asked: str, scope: AccessScope = EVERYTHING) -> tuple[Trace, ...]:
    with reading(stage.engine) as connection:
        answer = traces.find(connection, scope, asked)
    return answer.traces if answer else ()


def kinds(trace: Trace) -> list[str]:
    return [step.kind for step in trace.steps]


def push_and_send(stage: Stage) -> str:
    event_id = stage.happen(ago_s=3)
    stage.fan_out()
    stage.settle()
    stage.settle(ALERT)
    stage.deliver()
    stage.deliver(ALERT)
    return event_id


TRUNK = ["push", "received", "written", "recorded", "fan-out"]


def test_every_name_leads_to_the_same_line(stage: Stage) -> None:
    event_id = push_and_send(stage)
    (trace,) = found(stage, event_id)
    assert kinds(trace) == [*TRUNK, *(["made", "attempt", "delivered"] * 2)]
    (change,) = stage.rows("changes")
    names = [A, "1", "event:1", change.id, trace.trace_id, *(row.id for row in stage.deliveries())]
    assert [found(stage, name) for name in names] == [(trace,)] * len(names)
    assert trace.trace_id == hashlib.sha256(b"4:prod" + event_id.encode()).hexdigest()[:32]
    assert found(stage, B) == found(stage, "2") == found(stage, "0" * 32) == found(stage, "msg_0") == ()


def test_distances_are_those_between_the_times(stage: Stage) -> None:
    (trace,) = found(stage, push_and_send(stage))
    push, received, _written, recorded, _fan_out, made, attempt, ended = trace.steps[:8]
    assert received.lag_ns == (received.time_ns or 0) - (push.time_ns or 0) >= 3e9
    assert made.lag_ns == (made.time_ns or 0) - (recorded.time_ns or 0)
    assert ended.lag_ns == attempt.duration_ns
    assert trace.steps[8].kind == "made"
    assert trace.steps[8].lag_ns == (trace.steps[8].time_ns or 0) - (recorded.time_ns or 0)


def test_what_waits_and_what_is_superseded_says_so(stage: Stage) -> None:
    stage.settled = Settle(60 * 10**9, 60 * 10**9)
    first = stage.happen(ago_s=2, digest=A)
    assert found(stage, first)[0].steps[-1].text == "no worker has looked at the rules yet"
    stage.fan_out()
    waits = found(stage, first)[0].steps[-1]
    assert (waits.kind, waits.destination) == ("settling", DEPLOY) or waits.destination == ALERT
    stage.happen(ago_s=1, digest=B)
    stage.fan_out()
    stage.pass_time()
    stage.settle()
    (trace,) = found(stage, first)
    assert "superseded" in kinds(trace)
    assert "settling" in kinds(trace)  # the channel's


def test_a_copy_sent_by_hand_is_on_the_line(stage: Stage) -> None:
    event_id = push_and_send(stage)
    deploy = next(row for row in stage.deliveries() if row.destination == DEPLOY)
    copy = redeliver(stage.engine, deploy.id, "test", as_new=True)
    stage.deliver()
    steps = [step for step in found(stage, event_id)[0].steps if step.delivery == copy]
    assert [step.kind for step in steps] == ["made", "attempt", "delivered"]
    assert steps[0].text.endswith(f"again for {deploy.id}")
    assert found(stage, copy) == found(stage, event_id)


def test_what_was_asked_belongs_to_its_push(stage: Stage) -> None:
    """Told without a digest; the answer is an event of its own, with the change."""
    stage.rules = [rule(alert=True, provenances=frozenset({Provenance.RESOLVED.value}))]
    pushed = stage.happen(digest=None)
    with reading(stage.engine) as connection:
        cause = events.by_seq(connection, [1])[1]
    answer = resolved(cause, Descriptor("application/x", Digest.parse(A), 7), cause.received_ns + 1)
    ingest(stage.engine, [Parcel(asking(HOST), Reading((answer,)), cause.received_ns + 1)], stage.policy)
    stage.fan_out()
    stage.settle()
    (trace,) = found(stage, pushed)
    assert kinds(trace)[:6] == ["push", "received", "written", "asked", "recorded", "fan-out"]
    assert trace.digest == A
    assert found(stage, "2") == found(stage, A) == (trace,)
    assert stage.outcomes() == [("created", "done")]
    assert {row.trace_id for row in stage.deliveries()} == {trace.trace_id}
    ask(stage.engine, EVERYTHING, stage.rules, Wanted(TagKey(HOST, "shop/web", "stable"), A, None, None), "os:alice")
    make_redeploys(stage.engine, stage.fan)
    assert {row.trace_id for row in stage.deliveries()} == {trace.trace_id}, "what is sent again, too"
    (longer,) = found(stage, pushed)
    again = next(row for row in stage.deliveries() if row.cause == "manual")
    assert found(stage, again.id) == (longer,)
    assert [step.kind for step in longer.steps].count("made") == kinds(trace).count("made") + 1


def test_scopes_hide_what_they_hide_elsewhere(stage: Stage) -> None:
    event_id = push_and_send(stage)
    inside = AccessScope((Glob(HOST, "shop/*"),))
    outside = AccessScope((Glob(HOST, "other/*"),))
    assert found(stage, event_id, inside) == found(stage, event_id)
    (change,) = stage.rows("changes")
    delivery = stage.deliveries()[0]
    for name in (event_id, "1", A, change.id, delivery.id, delivery.trace_id):
        assert found(stage, name, outside) == ()


def test_webhooks_carry_the_trace_and_it_stays_the_same(stage: Stage) -> None:
    stage.listener.reply(Reply(503))
    stage.happen()
    stage.fan_out()
    stage.settle()
    stage.deliver()
    stage.make_due()
    stage.deliver()
    parents = [heard.headers["traceparent"] for heard in stage.told()]
    (row,) = [one for one in stage.deliveries() if one.destination == DEPLOY]
    assert parents == [f"00-{row.trace_id}-{hashlib.sha256(row.id.encode()).hexdigest()[:16]}-01"] * 2
    assert re.fullmatch("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", parents[0])


def test_a_trace_survives_its_event(stage: Stage) -> None:
    event_id = push_and_send(stage)
    (whole,) = found(stage, event_id)
    with writing(stage.engine) as connection:
        connection.execute(schema.events.delete())
    (change,) = stage.rows("changes")
    (trace,) = found(stage, change.id)
    assert (trace.trace_id, trace.event) == (whole.trace_id, None)
    assert kinds(trace) == kinds(whole)[3:]


def test_api_page_and_command_show_it(
    stage: Stage, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = push_and_send(stage)
    take_in(stage.engine, an_event(digest=A, tag="second"))
    with client_of(monkeypatch, tmp_path, database_url) as client:
        answer = client.get(f"/api/v1/traces/{event_id}").get_json()
        assert [step["kind"] for step in answer["traces"][0]["steps"]][:5] == TRUNK
        assert client.get("/api/v1/traces/msg_0").status_code == 404
        page = client.get(f"/trace?of={A}")
        assert page.status_code == 200
        assert page.text.count('class="steps"') == 2
        assert answer["traces"][0]["trace_id"] in page.text
        assert client.get("/trace").status_code == 200
        assert client.get("/trace?of=nothing").status_code == 404
        (change,) = [row for row in stage.rows("changes") if row.tag == "stable"]
        delivery = stage.deliveries()[0].id
        for place, of in (("/", change.id), (f"/deliveries/{delivery}", delivery), (f"/digests/{A}", A[:6])):
            assert f"/trace?of={of}" in client.get(place).text, place
        assert "/trace?of=1" in client.get("/actor?name=alice").text
    one = CliRunner().invoke(main, ["trace", event_id])
    assert one.exit_code == 0, one.output
    assert "delivered" in one.output
    several = CliRunner().invoke(main, ["trace", A])
    assert len(several.output.splitlines()) == 3
    shown = json.loads(CliRunner().invoke(main, ["trace", event_id, "--json"]).output)
    assert shown == answer
    assert CliRunner().invoke(main, ["trace", "nothing"]).exit_code == 1


def test_the_page_cuts_digests_short() -> None:
    assert brief(f"moved {A} → {B}, not sha256:12 or x{A}") == f"moved {'a' * 12} → {'b' * 12}, not sha256:12 or x{A}"

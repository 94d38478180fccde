"""`/metrics` of `tagtrail up`: what the databases know, and what a process has counted."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from acting import DEPLOY, Stage
from builders import HOST, add_delivery, an_event, envelope, take_in
from flask.testing import FlaskClient
from journalling import Place
from listener import Listener, Reply
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from reading_app import client_of
from rq import Queue
from sqlalchemy import Engine, insert, update
from valkey import Valkey

from app.domain.deliveries import Status
from app.domain.times import SECOND_NS, rfc3339_nano
from app.envelopes.distribution import envelope as envelope_of
from app.outbound import Call, Door, OutboundError, Url
from app.queue.rq import connect, waiting
from app.sinks.sink import Outcome
from app.store import cursors, outbox, parked, schema
from app.store.engine import writing
from app.store.parked import Missed
from app.usecases.deliver import deliver
from app.usecases.destinations import disable
from app.usecases.measure import measure_rings
from app.web.meters import HOOKS, Below, ReceiverMeters
from app.web.registry.observed import Observed
from workers.attempt_meters import AttemptMeters
from workers.notify_meters import CountingDoor, NotifyMeters

CONFIG = f"""\
origins:
  prod: {{kind: distribution, registries: ["{HOST}"], auth: {{bearer: "${{env:PROOF}}"}}, expect_every: 1h}}
  lab: {{kind: distribution, auth: {{bearer: "${{env:PROOF}}"}}}}
triggers: {{web: {{kind: webhook, url: "http://127.0.0.1:9/s3cret"}}}}
channels: {{ops: {{kind: webhook, url: "http://127.0.0.1:9/s3cret"}}}}
forward: {{lake: {{url: "http://127.0.0.1:9/"}}}}
registry:
  notifications:
    endpoints: [{{name: audit, url: "http://127.0.0.1:9/s3cret"}}, {{name: away, url: "http://127.0.0.1:9/"}}]
"""
PROOF = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    environment = {"TAGTRAIL_JOURNAL_URL": database_url, "PROOF": "s3cret"}
    with client_of(monkeypatch, tmp_path, database_url, **environment) as made:
        yield made


def told(client: FlaskClient) -> Mapping[str, float]:
    """Each sample by its name and labels as Prometheus writes them, in the order of their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("text/plain; version=")
    assert "s3cret" not in answer.text
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for one in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}"] = one.value
    return found


def test_what_nothing_has_happened_to_is_told_as_zero(client: FlaskClient) -> None:
    found = told(client)
    assert [name for name in found if name.startswith("tagtrail_build_info{version=")]
    for name in (
        "tagtrail_log_entries_total{}", "tagtrail_events_received_total{origin=prod,outcome=stored}",
        "tagtrail_deliveries_pending{destination=trigger:web}", "tagtrail_dead_letters{destination=channel:ops}",
        "tagtrail_deliveries_oldest_seconds{destination=trigger:web}", "tagtrail_forward_oldest_seconds{forward=lake}",
        "registry_notifications_pending_total{endpoint=audit}", "registry_notifications_oldest_seconds{endpoint=audit}",
        "registry_notifications_parked_total{endpoint=away}", "tagtrail_journal_unsettled{}",
    ):
        assert found[name] == 0, name
    assert found["tagtrail_destination_state{destination=trigger:web,state=open}"] == 1


def test_senders_are_told_by_what_became_of_what_they_sent(client: FlaskClient) -> None:
    push = an_event() | {"timestamp": rfc3339_nano(time.time_ns() - 90 * SECOND_NS)}
    assert client.post("/hooks/prod", data=envelope(push, push), headers=PROOF).status_code == 202
    assert client.post("/hooks/prod", data=b"{", headers=PROOF).status_code == 202
    found = told(client)
    outcomes = {
        name: found[f"tagtrail_events_received_total{{origin=prod,outcome={name}}}"]
        for name in ("stored", "repeated", "ignored", "quarantined")
    }
    assert outcomes == {"stored": 1, "repeated": 1, "ignored": 0, "quarantined": 1}
    assert 90 <= found["tagtrail_origin_lag_seconds{origin=prod}"] < 150
    assert abs(found["tagtrail_origin_last_received_timestamp_seconds{origin=prod}"] - time.time()) < 60
    assert found["tagtrail_origin_silent{origin=prod}"] == 0
    assert "tagtrail_origin_silent{origin=lab}" not in found, "nothing is expected of it"
    assert "tagtrail_origin_lag_seconds{origin=lab}" not in found
    assert found["tagtrail_log_entries_total{}"] == 1
    assert found["tagtrail_promises{lane=fan_out}"] == 1


def test_gaps_and_silence_are_told(client: FlaskClient, engine: Engine) -> None:
    numbers = ({"journal": "j", "sequence": number, "previous": number - 1} for number in (1, 5))
    take_in(engine, *(an_event() | {"tagtrail": one} for one in numbers))
    found = told(client)
    assert found["tagtrail_origin_missing_events{origin=prod}"] == 3
    assert found["tagtrail_origin_silent{origin=prod}"] == 1, "the events of tests are of long ago"


def test_one_spoilt_file_of_an_origin_blinds_nobody(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "data" / "origins.d").mkdir(parents=True)
    (tmp_path / "data" / "origins.d" / "spoilt.yml").write_text("kind: nothing")
    found = told(client)
    assert "tagtrail_origin_missing_events{origin=lab}" in found
    assert "tagtrail_origin_missing_events{origin=spoilt}" not in found


def test_what_waits_for_a_destination_is_told_with_its_age(client: FlaskClient, engine: Engine) -> None:
    add_delivery(engine, "one", 1)
    add_delivery(engine, "two", 2)
    add_delivery(engine, "dead", 3, status=Status.DEAD)
    add_delivery(engine, "elsewhere", 4, destination="trigger:forgotten")
    ago = time.time_ns() - 100 * SECOND_NS
    with writing(engine) as connection:
        connection.execute(update(schema.deliveries).values(made_ns=ago))
        connection.execute(update(schema.deliveries).where(schema.deliveries.c.id == "two").values(held_ns=1))
        outbox.add(connection, outbox.resolve_lane("one.example"), ["event:1"], 0)
        outbox.add(connection, outbox.resolve_lane("two.example"), ["event:1"], 0)
    disable(engine, DEPLOY, "somebody", "so")
    found = told(client)
    assert found["tagtrail_deliveries_pending{destination=trigger:web}"] == 2
    assert found["tagtrail_deliveries_held{destination=trigger:web}"] == 1
    assert found["tagtrail_deliveries_in_flight{destination=trigger:web}"] == 0
    assert found["tagtrail_dead_letters{destination=trigger:web}"] == 1
    assert 100 <= found["tagtrail_deliveries_oldest_seconds{destination=trigger:web}"] < 160
    assert found["tagtrail_destination_state{destination=trigger:web,state=disabled}"] == 1
    assert found["tagtrail_destination_state{destination=trigger:web,state=open}"] == 0
    assert found["tagtrail_promises{lane=resolve}"] == 2, "registries are no label"
    assert not [name for name in found if "forgotten" in name], "labels are what is configured"


def test_changes_to_be_sent_on_are_told_by_the_age_of_the_oldest(client: FlaskClient, engine: Engine) -> None:
    with writing(engine) as connection:
        cursors.begin(connection, f"{cursors.FORWARDS}lake", 1)
    take_in(engine, an_event(tag="first", second=10), received=10)
    assert told(client)["tagtrail_forward_oldest_seconds{forward=lake}"] == 0
    take_in(engine, an_event(tag="second", second=20), an_event(tag="third", second=30), received=30)
    minute_ago = time.time_ns() - 60 * SECOND_NS
    with writing(engine) as connection:
        told_first = schema.changes.c.tag == "second"
        connection.execute(update(schema.changes).values(recorded_ns=1))
        connection.execute(update(schema.changes).where(told_first).values(recorded_ns=minute_ago))
    assert 60 <= told(client)["tagtrail_forward_oldest_seconds{forward=lake}"] < 120


def test_the_journal_is_told_by_distributions_names(client: FlaskClient, engine: Engine) -> None:
    place = Place(engine)
    for number in range(3):
        place.push("shop/web", f"v{number}", b"layer")
    with writing(engine) as connection:
        cursors.begin(connection, "audit", 1)
        cursors.begin(connection, "forgotten", 1)
        parked.park(connection, "audit", Missed(1, 0), "answered 400", 1)
        ago = time.time_ns() - 100 * SECOND_NS
        connection.execute(update(schema.journal).values(opened_ns=ago))
        left = dict.fromkeys(("operation", "repository", "action"), "x") | {"fact": b"{}", "event": b"{}"}
        connection.execute(insert(schema.journal).values(left | {"opened_ns": ago}))
    found = told(client)
    assert found["registry_notifications_pending_total{endpoint=audit}"] == 2
    assert found["registry_notifications_pending_total{endpoint=away}"] == 3
    assert 100 <= found["registry_notifications_oldest_seconds{endpoint=audit}"] < 160
    assert found["registry_notifications_parked_total{endpoint=audit}"] == 1
    assert found["tagtrail_journal_events_total{}"] == 3
    assert found["tagtrail_journal_unsettled{}"] == 1
    assert 100 <= found["tagtrail_journal_unsettled_oldest_seconds{}"] < 160
    assert not [name for name in found if "forgotten" in name]


def test_attempts_are_counted_as_they_end(engine: Engine) -> None:
    meters = AttemptMeters(ours := CollectorRegistry())
    with Listener([Reply(204)]) as listener, Door() as door:
        stage = Stage(engine, door, listener)
        stage.happen()
        stage.fan_out()
        assert deliver(engine, replace(stage.fan, attempted=meters.attempted), DEPLOY, {}) == 1
    failed = Outcome(500, "", b"", permanent=False, delivered=False, retry_after_s=None, duration_ns=SECOND_NS)
    meters.attempted(DEPLOY, failed)
    meters.attempted(DEPLOY, replace(failed, permanent=True))
    counted = generate_latest(ours).decode()
    for outcome in ("delivered", "failed", "refused"):
        assert f'tagtrail_delivery_attempts_total{{destination="trigger:web",outcome="{outcome}"}} 1.0' in counted
    assert 'tagtrail_delivery_attempt_seconds_count{destination="trigger:web"} 3.0' in counted


def test_envelopes_are_counted_as_distribution_does() -> None:
    meters = NotifyMeters(ours := CollectorRegistry())
    cut = Reply(200, {"Content-Length": "9"}, b"cut")
    with Listener([Reply(503), Reply(200), cut, Reply(404)]) as listener:
        url = Url.parse(listener.url)
        with CountingDoor("audit", meters) as door:
            for body in (b"a", b"a", b"b", b"c"):
                with suppress(OutboundError):
                    door.send(Call("POST", url, {}, envelope_of([b"{%s}" % body])))
    with CountingDoor("audit", meters) as door, pytest.raises(OutboundError):
        door.send(Call("POST", url, {}, envelope_of([b"{d}"])))
    counted = generate_latest(ours).decode()
    for kind, number in (("Events", 4), ("Successes", 2), ("Failures", 2), ("Errors", 1)):
        assert f'registry_notifications_events_total{{endpoint="audit",type="{kind}"}} {number}.0' in counted, counted
    assert 'registry_notifications_status_total{code="200 OK",endpoint="audit"} 2.0' in counted


def test_requests_of_senders_are_counted_by_origins_that_there_are(client: FlaskClient) -> None:
    meters = ReceiverMeters(ours := CollectorRegistry())
    app = client.application
    app.wsgi_app = Observed(app.wsgi_app, [Below(HOOKS, meters)])  # type: ignore[method-assign, assignment]
    client.post("/hooks/prod", data=envelope(an_event()), headers=PROOF).close()
    client.post("/hooks/prod", data=envelope(an_event())).close()
    client.post("/hooks/made-up", data=b"").close()
    client.post("/hooks/made-up-too", data=b"").close()
    client.get("/livez").close()
    counted = generate_latest(ours).decode()
    for origin, code, number in (("prod", 202, 1), ("prod", 401, 1), ("", 404, 2)):
        assert f'tagtrail_receiver_requests_total{{code="{code}",origin="{origin}"}} {number}.0' in counted
    assert 'tagtrail_receiver_request_seconds_count{origin="prod"} 2.0' in counted
    assert "made-up" not in counted
    assert 'code="200"' not in counted, "only senders are"


def test_rings_are_told_and_whether_redis_answers() -> None:
    with Valkey() as server:
        redis = connect(server.url)
        Queue("deliver", connection=redis).push_job_id("one")
        assert waiting(redis) == {"fast": 0, "deliver": 1}
    assert waiting(redis) is None
    redis.close()
    (up, rings) = measure_rings({"fast": 0, "deliver": 1})
    assert [one.value for one in (*up.samples, *rings.samples)] == [1, 0, 1]
    (up, rings) = measure_rings(None)
    assert [one.value for one in (*up.samples, *rings.samples)] == [0]

"""The server that the ingest bench compares with: one ORM transaction for each request, as most receivers are written.

It has Tagtrail's tables, reads envelopes with Tagtrail's reader and runs under the same server, so that nothing differs
but how it writes. For each event it writes what Tagtrail writes: the event with its bytes (its unique id turns repeats
away), the tag's pointer, the change and the promise to fan it out. `python -m bench.naive` serves NAIVE_DATABASE_URL.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from app.bootstrap.serving import BLOCKING_THREADS
from app.domain.changes import Kind, Provenance, TagKey, change_id
from app.domain.events import Event, accept
from app.domain.fan_out import PENDING
from app.envelopes import Received, parse
from app.store import outbox, schema
from app.store.engine import PRAGMAS
from bench.serving import serve

BUSY_TIMEOUT_S = 30


class Row(DeclarativeBase):
    """What SQLAlchemy wants of mapped classes."""



class EventRow(Row):
    __table__ = schema.events


class Tag(Row):
    __table__ = schema.tags


class ChangeRow(Row):
    __table__ = schema.changes


class Promise(Row):
    __table__ = schema.outbox


def sessions(url: str) -> "sessionmaker[Session]":
    """Sessions with Tagtrail's durability: the same PRAGMAs on SQLite, PostgreSQL's defaults."""
    sqlite = url.startswith("sqlite:")
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}} if sqlite else {}
    made = create_engine(url, pool_size=BLOCKING_THREADS, **options)
    if sqlite:
        event.listen(made, "connect", _set_pragmas)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return sessionmaker(made)


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")


def make(_target: str = "") -> Flask:
    app, begin = Flask("naive"), sessions(os.environ["NAIVE_DATABASE_URL"])
    bearer = f"Bearer {os.environ['NAIVE_BEARER']}"
    number = _numbers()

    @app.post("/hooks/<origin>")
    def receive(origin: str) -> Response | tuple[Response, int]:
        if request.headers.get("Authorization") != bearer:
            return jsonify(error="the secret is missing or wrong"), 401
        received_ns, reading = time.time_ns(), parse("distribution", Received(request.get_data()))
        told = [accept(report, origin, (origin,), received_ns) for report in reading.reports]
        try:
            with begin() as session, session.begin():
                for one in told:
                    _write(session, one, number())
        except IntegrityError:
            return jsonify(repeat=True), 202
        return jsonify(events=len(told)), 202

    @app.get("/readyz")
    def ready() -> str:
        return "yes"

    return app


def _numbers() -> Callable[[], int]:
    """Rising numbers of this process that no other gives out: PostgreSQL's sequences do as much, without a lock."""
    offset, taken = os.getpid() << 40, iter(range(1, 2**40))
    return lambda: offset + next(taken)


def _write(session: Session, told: Event, seq: int) -> None:
    key, report = TagKey(told.registry, told.report.repository, told.report.tag or ""), told.report
    session.add(_event(told, seq))
    pointer: Any = session.get(Tag, (key.registry, key.repository, key.tag))
    made = change_id(key, told.order)
    before = pointer.digest if pointer else None
    if before == report.digest:
        return
    moment = {"since_ns": told.time_ns, "last_ns": told.time_ns, "change_id": made, "digest": report.digest}
    if pointer is None:
        session.add(Tag(**_on(key), **moment, ambiguous=False))
    else:
        for name, value in moment.items():
            setattr(pointer, name, value)
    session.add(_change(told, key, made, before, seq))
    session.add(Promise(lane=outbox.FAN_OUT, subject=made, not_before_ns=told.received_ns))


def _on(key: TagKey) -> dict[str, str]:
    return {"registry": key.registry, "repository": key.repository, "tag": key.tag}


def _event(told: Event, seq: int) -> EventRow:
    report = told.report
    return EventRow(
        seq=seq,
        origin=told.origin,
        event_id=told.event_id,
        action=report.action,
        scope=report.scope and report.scope.value,
        registry=told.registry,
        repository=report.repository,
        tag=report.tag,
        digest=report.digest,
        media_type=report.media_type,
        size=report.size,
        actor=report.actor,
        time_ns=told.time_ns,
        received_ns=told.received_ns,
        sequence=0,
        host=report.host,
        request_id=report.request_id,
        request_addr=report.request_addr,
        request_method=report.request_method,
        user_agent=report.user_agent,
        source_addr=report.source_addr,
        source_instance=report.source_instance,
        flags=" ".join(told.flags) or None,
        raw=report.raw,
    )


def _change(told: Event, key: TagKey, made: str, before: str | None, seq: int) -> ChangeRow:
    return ChangeRow(
        id=made,
        **_on(key),
        kind=(Kind.MOVED if before else Kind.CREATED).value,
        before=before or "unknown",
        after=told.report.digest,
        time_ns=told.time_ns,
        sequence=0,
        event_id=told.event_id,
        origin=told.origin,
        actor=told.report.actor,
        provenance=Provenance.OBSERVED.value,
        fan_out=PENDING,
        recorded_ns=told.received_ns,
        altered_seq=seq,
    )


if __name__ == "__main__":
    serve("naive", int(os.environ["NAIVE_PORT"]), make)

"""What was changed, removed or added behind Tagtrail's back is found and named (issue 3, 6)."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import A, B, C, an_event, take_in
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from app.domain.chain import ACTION, COLUMNS, EVENT, GENESIS, link
from app.domain.checkpoints import Checkpoint, SigningKey
from app.store import actions, head, schema
from app.store.actions import Action
from app.store.engine import make_engine, reading, writing
from app.usecases.rebuild import rebuild
from app.usecases.verify import NoSuchLinkError, Trust, Verdict, verify

events, changes, tags, links = schema.events, schema.changes, schema.tags, schema.links


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def found(engine: Engine, *checkpoints: Checkpoint) -> list[str]:
    return [str(finding) for finding in verify(engine, quiet, trust=Trust(checkpoints)).findings]


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Six events, of which the third was pulled only, and an operator's action between them: seqs 1 to 7."""
    take_in(
        engine,
        an_event(id="e1", digest=A),
        an_event(id="e2", digest=B, second=5),
        an_event(id="e3", action="pull", digest=B, second=6),
    )
    with writing(engine) as connection:
        actions.add(connection, Action("os:alice", "origin.add", "prod", {"kind": "distribution"}))
    take_in(
        engine,
        an_event(id="e5", digest=C, second=9, tag="other"),
        an_event(id="e6", digest=C, second=8),
        an_event(id="e7", action="delete", digest=None, second=20, tag="other"),
    )
    return engine


def test_what_nobody_touched_is_whole(told: Engine) -> None:
    verdict = verify(told, quiet)
    assert verdict == Verdict(1, 7, at(told).hex(), before=0, repositories=1, checkpoints=0, findings=())
    assert verify(told, quiet, since_seq=4) == Verdict(5, 7, verdict.chain, 0, 1, 0, ())


def at(engine: Engine) -> bytes:
    with reading(engine) as connection:
        return head.now(connection).chain


def test_nothing_at_all_is_whole_too(engine: Engine) -> None:
    assert found(engine) == []


def test_the_chain_covers_every_column() -> None:
    """A column that is added to one of the tables needs a new form: this is where one learns of it."""
    assert COLUMNS[EVENT, 1] == tuple(schema.events.c.keys())
    assert COLUMNS[ACTION, 1] == tuple(schema.actions.c.keys())


OTHERS: dict[str, Any] = {"scope": None, "raw": b"{}"}


def changed(engine: Engine, table: Table, seq: int, **values: Any) -> None:
    with writing(engine) as connection:
        connection.execute(update(table).where(table.c.seq == seq).values(values))


@pytest.mark.parametrize(("table", "kind", "seq"), [(schema.events, EVENT, 2), (schema.actions, ACTION, 4)])
def test_a_row_of_which_a_column_was_changed_is_named(told: Engine, table: Table, kind: str, seq: int) -> None:
    with reading(told) as connection:
        row = connection.execute(select(table).where(table.c.seq == seq)).one()._mapping
    for name in COLUMNS[kind, 1][1:]:
        number = table.c[name].type.python_type is int
        changed(told, table, seq, **{name: OTHERS.get(name, 12345 if number else "{}")})
        assert found(told) == [f"{table.name} {seq}: changed ({name})"]
        changed(told, table, seq, **{name: row[name]})
    assert found(told) == []


@pytest.mark.parametrize("forged", ["", "n", "\\u0000"])
def test_no_value_can_be_told_for_another(told: Engine, forged: str) -> None:
    """Nothing and an empty text, or text that looks like an escape, are different things."""
    changed(told, events, 2, request_addr=None)
    assert found(told) == ["events 2: changed (request_addr)"]
    changed(told, events, 2, request_addr="192.0.2.7:40112", host=forged)
    assert found(told) == ["events 2: changed (host)"]


def test_text_that_could_not_be_stored_is_bound_as_it_is_stored(engine: Engine) -> None:
    take_in(engine, an_event(actor="nul\x00and\ud800"), an_event(actor="\u202e\U0001f980"))
    assert found(engine) == []


def test_bytes_in_the_place_of_the_same_text_are_noticed(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    take_in(engine, an_event())
    with writing(engine) as connection:
        connection.execute(text("UPDATE events SET actor = CAST(actor AS BLOB)"))
    assert found(engine) == ["events 1: changed (actor)"]
    engine.dispose()


def test_text_that_is_none_is_named_like_any_other(sqlite_url: str) -> None:
    """SQLite takes such bytes, and then can't read the column."""
    engine = make_engine(sqlite_url)
    take_in(engine, an_event(), an_event(tag=None, actor="b\u00e4r"))
    with writing(engine) as connection:
        connection.execute(text("UPDATE events SET user_agent = CAST(x'ff41' AS TEXT) WHERE seq = 2"))
    assert found(engine) == ["events 2: changed (user_agent)"]
    engine.dispose()


Damage = Callable[[Connection], None]


def run(engine: Engine, damage: Damage) -> None:
    with writing(engine) as connection:
        damage(connection)


def forget(table: Table, seq: int, until: int | None = None) -> Damage:
    return lambda connection: connection.execute(delete(table).where(table.c.seq.between(seq, until or seq))) and None


def copied(connection: Connection, at: int, /, **over: Any) -> dict[str, Any]:
    return dict(connection.execute(select(events).where(events.c.seq == at)).one()._mapping) | over


def add(connection: Connection) -> None:
    connection.execute(insert(events), copied(connection, 7, seq=8, event_id="forged"))


def add_and_advance(connection: Connection) -> None:
    add(connection)
    connection.execute(update(schema.head).values(seq=8))


def add_in_between(connection: Connection) -> None:
    connection.execute(insert(events), copied(connection, 7, seq=4, event_id="forged"))


def add_before(connection: Connection) -> None:
    connection.execute(insert(events), copied(connection, 7, seq=0, event_id="forged"))


def swap(connection: Connection) -> None:
    for old, new in ((1, -1), (2, 1), (-1, 2)):
        connection.execute(update(events).where(events.c.seq == old).values(seq=new))


def forge_row_and_digest(connection: Connection) -> None:
    """The row and its link agree, as a careful forger would have it, but the chain goes on from another link."""
    forged = copied(connection, 2, actor="mallory")
    before = connection.execute(select(links.c.chain).where(links.c.seq == 1)).scalar_one()
    made = link(before, EVENT, forged)
    connection.execute(update(events).where(events.c.seq == 2).values(actor="mallory"))
    connection.execute(
        update(links).where(links.c.seq == 2).values(digest=made.digest, marks=made.marks, chain=made.chain)
    )


def take_back_the_head(connection: Connection) -> None:
    chain = connection.execute(select(links.c.chain).where(links.c.seq == 6)).scalar_one()
    connection.execute(update(schema.head).values(seq=6, chain=chain))


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (forget(events, 2), "events 2: removed"),
        (forget(events, 1), "events 1: removed"),
        (forget(events, 7), "events 7: removed"),
        (forget(schema.actions, 4), "actions 4: removed"),
        (forget(links, 2), "links 2: removed"),
        (forget(links, 1, 2), "links 3: changed"),
        (forget(links, 7), "events 7: added"),
        (add, "events 8: added"),
        (add_and_advance, "events 8: added"),
        (add_in_between, "events 4: added"),
        (add_before, "events before 1: added"),
        (swap, "events 1: changed"),
        (forge_row_and_digest, "links 3: changed"),
        (take_back_the_head, "head 1: changed (seq)"),
    ],
)
def test_damage_to_the_chain_is_named(told: Engine, damage: Damage, finding: str) -> None:
    run(told, damage)
    assert found(told)[0].startswith(finding)


KEY = SigningKey.generate()


def signed(engine: Engine) -> Checkpoint:
    with reading(engine) as connection:
        now = head.now(connection)
    return KEY.sign(now.seq, now.chain, 1_800_000_000_000_000_000)


def cut_the_tail(connection: Connection) -> None:
    """All that came after the fifth row, and every trace of it."""
    chain = connection.execute(select(links.c.chain).where(links.c.seq == 5)).scalar_one()
    for table in (events, links):
        forget(table, 6, 99)(connection)
    connection.execute(update(schema.head).values(seq=5, chain=chain))


def linked_anew(connection: Connection) -> None:
    """A forger who knows how links are made makes all of them again."""
    chain = GENESIS
    for seq in range(1, 8):
        table, kind = (schema.actions, ACTION) if seq == 4 else (events, EVENT)
        row = connection.execute(select(table).where(table.c.seq == seq)).one()._mapping
        made = link(chain, kind, row)
        chain = made.chain
        connection.execute(
            update(links).where(links.c.seq == seq).values(digest=made.digest, marks=made.marks, chain=chain)
        )
    connection.execute(update(schema.head).values(chain=chain))


def test_a_tail_that_was_cut_is_found_by_a_checkpoint_alone(told: Engine) -> None:
    checkpoint = signed(told)
    run(told, cut_the_tail)
    rebuild(told, "os:mallory", lambda _done, _of: None)
    assert found(told) == [], "the chain alone can't tell"
    assert found(told, checkpoint) == ["links 7: removed"]


def test_a_chain_that_was_made_again_is_found_by_a_checkpoint_alone(told: Engine) -> None:
    checkpoint = signed(told)
    changed(told, events, 2, user_agent="forged")
    run(told, linked_anew)
    assert found(told) == [], "the chain alone can't tell"
    assert found(told, checkpoint) == ["links 7: changed (chain)"]


def test_what_came_after_a_checkpoint_does_not_contradict_it(told: Engine) -> None:
    checkpoint = signed(told)
    take_in(told, an_event(second=30))
    assert found(told, checkpoint) == []


def test_one_begins_behind_a_link_that_is_there(told: Engine) -> None:
    changed(told, events, 2, user_agent="forged")
    assert verify(told, quiet, since_seq=2).findings == ()
    with pytest.raises(NoSuchLinkError, match="goes from 1 to 7"):
        verify(told, quiet, since_seq=8)


def test_rows_older_than_the_chain_are_counted(engine: Engine) -> None:
    """As an update leaves them: the chain begins with what came next."""
    take_in(engine, an_event(second=1), an_event(second=2))
    with writing(engine) as connection:
        connection.execute(delete(links))
        connection.execute(update(schema.head).values(chain=None))
    take_in(engine, an_event(second=3))
    verdict = verify(engine, quiet)
    assert (verdict.first, verdict.before, verdict.findings) == (3, 2, ())
    changed(engine, events, 3, actor="forged")
    assert found(engine) == ["events 3: changed (actor)"]


CHANGE_COLUMNS = [
    "id", "tag", "kind", "before", "after", "time_ns", "sequence", "event_id", "origin", "actor", "provenance",
    "voided_by",
]
TAG_COLUMNS = ["digest", "change_id", "ambiguous", "since_ns", "last_ns"]


def first_row(engine: Engine, table: Table) -> dict[str, Any]:
    with reading(engine) as connection:
        query = select(table).where(table.c.tag == "stable").order_by(*table.primary_key.columns).limit(1)
        return dict(connection.execute(query).one()._mapping)


@pytest.mark.parametrize(("table", "names"), [(changes, CHANGE_COLUMNS), (tags, TAG_COLUMNS)])
def test_history_of_which_a_column_was_changed_is_named(told: Engine, table: Table, names: list[str]) -> None:
    row = first_row(told, table)
    primary = [column == row[column.name] for column in table.primary_key.columns]
    forged = {int: 12345, bool: not row.get("ambiguous"), str: "forged"}
    for name in names:
        with writing(told) as connection:
            connection.execute(update(table).where(*primary).values({name: forged[table.c[name].type.python_type]}))
        finding = found(told)[0]
        assert finding.startswith(f"{table.name} "), name
        assert finding.endswith(f"changed ({name})") or name == "id", finding
        with writing(told) as connection:
            at = [table.c.id == "forged"] if name == "id" else primary
            connection.execute(update(table).where(*at).values({name: row[name]}))
    assert found(told) == []


def test_history_that_was_removed_or_added_is_named(told: Engine) -> None:
    change, tag = first_row(told, changes), first_row(told, tags)
    for table, row, name in ((changes, change, change["id"]), (tags, tag, "registry.example:5000/shop/web:stable")):
        run(told, lambda connection, table=table, row=row: _drop(connection, table, row))
        assert found(told) == [f"{table.name} {name}: removed"]
        run(told, lambda connection, table=table, row=row: connection.execute(insert(table), row) and None)
    assert found(told) == []
    run(told, lambda connection: connection.execute(insert(tags), tag | {"tag": "forged"}) and None)
    assert found(told) == ["tags registry.example:5000/shop/web:forged: added"]
    run(told, lambda connection: connection.execute(insert(changes), change | {"id": "0" * 32}) and None)
    assert found(told) == [f"changes {'0' * 32}: added"]


def _drop(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    connection.execute(delete(table).where(*(column == row[column.name] for column in table.primary_key.columns)))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (delete(schema.repositories), "removed"),
        (update(schema.repositories).values(first_ns=5), "changed"),
        (update(schema.repositories).values(first_seq=5), "changed"),
        (insert(schema.repositories).values(registry="r", repository="forged", first_ns=5, first_seq=1), "added"),
    ],
)
def test_when_a_repository_was_first_told_of_is_compared(told: Engine, damage: Any, what: str) -> None:
    with reading(told) as connection:
        before = connection.execute(select(schema.repositories)).all()
    run(told, lambda connection: connection.execute(damage) and None)
    (finding,) = found(told)
    assert finding.startswith("repositories r")
    assert finding.endswith(what)
    rebuild(told, "os:alice", lambda _done, _of: None)
    assert found(told) == []
    with reading(told) as connection:
        assert connection.execute(select(schema.repositories)).all() == before


def test_a_void_line_is_allowed_and_a_forged_one_is_not(engine: Engine) -> None:
    take_in(engine, *(an_event(id=f"v{second}", digest=digest, second=second) for second, digest in [(0, A), (2, B)]))
    take_in(engine, an_event(id="late", digest=B, second=1))
    with reading(engine) as connection:
        (void,) = connection.execute(select(changes).where(changes.c.kind == "void"))
    assert found(engine) == []
    for forged in ({"after": C}, {"actor": "mallory"}, {"voided_by": "nobody"}, {"kind": "moved"}, {"time_ns": 7}):
        with writing(engine) as connection:
            connection.execute(update(changes).where(changes.c.id == void.id).values(forged))
        assert found(engine) == [f"changes {void.id}: added"]
        with writing(engine) as connection:
            connection.execute(
                update(changes).where(changes.c.id == void.id).values({name: getattr(void, name) for name in forged})
            )

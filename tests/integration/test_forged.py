"""Any value in any column of what is bound: verifying names a row, and never ends with an error (issue 3, 6)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import A, B, C, an_event, take_in
from click.testing import CliRunner
from sqlalchemy import Engine, delete
from sqlalchemy.exc import DBAPIError, StatementError

from app.__main__ import main
from app.store import actions, schema
from app.store.actions import Action
from app.store.engine import make_engine, writing
from app.usecases.verify import verify

PLACES = {
    "events": "seq = 2", "actions": "seq = 4", "links": "seq = 3", "head": "id = 1", "tags": "tag = 'stable'",
    "changes": "kind = 'moved'", "repositories": "repository = 'shop/web'",
}
"""Which row of each table is forged."""
UNBOUND = {("changes", "fan_out"), ("changes", "recorded_ns"), ("changes", "altered_seq")}
"""As docs/audit.md says."""
VALUES = {
    "sqlite": [
        "NULL", "''", "'x'", "'{}'", "'null'", "'[1]'", "-1", "0", "7", "1.5", "1e400", "9223372036854775807",
        "'9223372036854775808'", "x''", "x'ff41'", "CAST(x'ff41' AS TEXT)", "hex(zeroblob(500000))",
        "zeroblob(500000)", "'a' || char(0) || 'b'", "char(55296)",
    ],
    "postgresql": ["NULL", "'x'", "-1", "0", "-9223372036854775808", "9223372036854775807", "'\\xff41'::bytea", "true"],
}


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture
def told(engine: Engine) -> Engine:
    take_in(engine, an_event(digest=A), an_event(digest=B, second=5), an_event(action="pull", digest=B, second=6))
    with writing(engine) as connection:
        actions.add(connection, Action("os:alice", "events.cut", "events-1-2.jsonl.gz", {"seqs": "1-2"}))
    take_in(engine, an_event(digest=C, second=9, tag="other"), an_event(action="delete", digest=None, second=20))
    return engine


def content(engine: Engine, table: str) -> Sequence[Any]:
    names = [f'"{column.name}"' for column in schema.metadata.tables[table].columns]
    if engine.dialect.name == "sqlite":
        names = [f"quote(CAST({name} AS BLOB)) || typeof({name})" for name in names]
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1").all()


class Saved:
    """A table as it was, to be put back."""

    def __init__(self, engine: Engine, table: str) -> None:
        self.engine = engine
        self.table = schema.metadata.tables[table]
        self.names = list(self.table.c.keys())
        with engine.connect() as connection:
            quoted = ", ".join(f'"{name}"' for name in self.names)
            self.rows = [tuple(row) for row in connection.exec_driver_sql(f"SELECT {quoted} FROM {table}")]

    def put_back(self) -> None:
        mark = "?" if self.engine.dialect.name == "sqlite" else "%s"
        quoted = ", ".join(f'"{name}"' for name in self.names)
        insert = f"INSERT INTO {self.table.name} ({quoted}) VALUES ({', '.join([mark] * len(self.names))})"
        with writing(self.engine) as connection:
            connection.execute(delete(self.table))
            connection.exec_driver_sql(insert, self.rows)


def forged(engine: Engine, table: str, column: str, value: str) -> bool:
    """Whether the database took it, and it is another value than before."""
    before = content(engine, table)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f'UPDATE {table} SET "{column}" = {value} WHERE {PLACES[table]}')
    except (DBAPIError, StatementError):
        return False
    return content(engine, table) != before


@pytest.mark.parametrize("table", PLACES)
def test_no_forged_value_is_passed_over_or_stumbled_upon(told: Engine, table: str) -> None:
    saved, missed, tried = Saved(told, table), [], 0
    for column in saved.names:
        for value in VALUES[told.dialect.name]:
            if not forged(told, table, column, value):
                continue
            tried += 1
            found = verify(told, quiet).findings
            assert all(str(one).isprintable() for one in found)
            if not found and (table, column) not in UNBOUND:
                missed.append((column, value))
            if table == "events":
                verify(told, quiet, since_seq=4)
            saved.put_back()
    assert missed == []
    assert tried > 3
    assert verify(told, quiet).findings == ()


@pytest.mark.parametrize("table", PLACES)
def test_a_table_without_rows_is_noticed(told: Engine, table: str) -> None:
    with writing(told) as connection:
        connection.execute(delete(schema.metadata.tables[table]))
    assert verify(told, quiet).findings


def test_the_command_names_the_row(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    engine = make_engine(sqlite_url)
    take_in(engine, an_event())
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tags SET last_ns = CAST(x'ff41' AS TEXT)")
    told = CliRunner().invoke(main, ["audit", "verify", "--data", str(tmp_path)])
    assert (told.exit_code, told.stdout) == (
        1, "FOUND  tags registry.example:5000/shop/web/stable: changed (last_ns)\n"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM head")
    assert CliRunner().invoke(main, ["audit", "verify", "--data", str(tmp_path), "--json"]).exit_code == 1
    engine.dispose()

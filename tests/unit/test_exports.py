"""Values as JSON, JSON Lines and CSV: nothing is lost, and nothing is a formula."""

import csv
import io
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exports import CHUNK, Form, columns, written
from app.domain.plain import plain
from app.domain.text import printable


@dataclass(frozen=True)
class Inner:
    who: str | None
    since_ns: int


@dataclass(frozen=True)
class Line:
    name: str
    count: int
    gone: bool
    at_ns: int | None
    flags: tuple[str, ...]
    inner: Inner | None


LINES = st.builds(
    Line, st.text(), st.integers(-5, 10**12), st.booleans(), st.none() | st.integers(0, 10**18),
    st.lists(st.text(max_size=5), max_size=2).map(tuple),
    st.none() | st.builds(Inner, st.none() | st.text(), st.integers(0, 10**18)),
)


def text(form: Form, lines: list[Line]) -> str:
    return b"".join(written(form, Line, iter(lines))).decode()


@given(st.lists(LINES, max_size=4))
def test_json_keeps_everything(lines: list[Line]) -> None:
    expected = [plain(line) for line in lines]
    assert json.loads(text("json", lines)) == expected
    assert [json.loads(line) for line in text("jsonl", lines).split("\n")[:-1]] == expected


@given(st.lists(LINES, max_size=4))
def test_csv_has_a_line_for_each_and_no_formula(lines: list[Line]) -> None:
    written_text = text("csv", lines)
    head, *rows = csv.reader(io.StringIO(written_text, newline=""))
    assert head == list(columns(Line)) == ["name", "count", "gone", "at", "flags", "inner.who", "inner.since"]
    assert len(rows) == len(lines) == written_text.count("\r\n") - 1
    for row, line in zip(rows, lines, strict=True):
        assert row[0].removeprefix("'") == printable(line.name).removeprefix("'")
        assert row[1:3] == [str(line.count), str(line.gone).lower()]
        assert json.loads(row[4]) == list(line.flags)
        assert not [cell for at, cell in enumerate(row) if at != 1 and cell[:1] in tuple("=+-@\t\r")]


@pytest.mark.parametrize("start", list("=+-@＝＋－＠\t\r"))
def test_what_a_spreadsheet_would_run(start: str) -> None:
    cell = next(csv.reader(io.StringIO(text("csv", [Line(f"{start}1", 1, False, None, (), None)]).split("\r\n")[1])))[0]
    assert cell == f"'{printable(start)}1"


def test_nothing_at_all() -> None:
    assert json.loads(text("json", [])) == []
    assert text("jsonl", []) == ""
    assert text("csv", []).startswith('"name","count"')


def test_pieces_are_written_as_values_come() -> None:
    """However many there are: a piece is given out before all values are read."""
    read = 0

    def many() -> object:
        nonlocal read
        for read in range(1, 100_001):
            yield Line("x" * 100, read, False, None, (), None)

    pieces = written("jsonl", Line, many())  # type: ignore[arg-type]
    first = next(pieces)
    assert CHUNK <= len(first) < 2 * CHUNK
    assert read < 1000
    assert len(first) + sum(map(len, pieces)) > 10_000_000

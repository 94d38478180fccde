"""Printing what was found: a table to a terminal, plain aligned columns to anything else, or JSON.

Columns are separated by two spaces and hold whole digests and exact times; what is not known is `-`. All text passes
`printable`, so that nothing from outside moves the cursor or turns the line around.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from app.domain.digests import Digest, is_digest
from app.domain.plain import plain
from app.domain.text import printable
from app.domain.times import rfc3339, rfc3339_nano

T = TypeVar("T")
PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True)
class When:
    """A moment in a cell."""

    time_ns: int


def print_json(value: Any) -> None:
    click.echo(json.dumps(plain(value), indent=2))


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """One row each; the keys of the first are the headings. A cell is a text, a number, a When, a list, or None."""
    if not rows:
        click.echo("(nothing)", err=True)
    elif sys.stdout.isatty():
        _print_rich(rows)
    else:
        _print_columns(rows)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """One `name: value` a line; a value that is not known has no line."""
    for name, value in facts:
        if value is not None:
            click.echo(f"{name + ':':<14} {_exact(value)}")


def print_text(text: str | bytes) -> None:
    """Text of several lines."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    for line in text.splitlines():
        click.echo(printable(line))


def with_progress(values: Iterable[T]) -> Iterator[T]:
    """`values`; a terminal that shows only stderr is told how many there were so far."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from values
        return
    began = told = time.monotonic()
    count = 0
    for count, value in enumerate(values, 1):
        yield value
        if time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            click.echo(f"\r{count} lines, {count / (told - began):.0f} a second", nl=False, err=True)
    click.echo(f"\r{count} lines in {time.monotonic() - began:.1f} s\x1b[K", err=True)


def _exact(cell: object) -> str:
    if isinstance(cell, When):
        return rfc3339_nano(cell.time_ns)
    if isinstance(cell, list | tuple):
        return ", ".join(_exact(item) for item in cell)
    return "-" if cell is None else printable(str(cell))


def _short(cell: object) -> str:
    """For people: seconds, and digests as they quote them."""
    if isinstance(cell, When):
        return rfc3339(cell.time_ns, 0).replace("T", " ")
    if isinstance(cell, str) and is_digest(cell):
        digest = Digest.parse(cell)
        return digest.short if digest.algorithm == "sha256" else f"{digest.algorithm}:{digest.short}"
    return _exact(cell)


def _print_columns(rows: Sequence[Mapping[str, object]]) -> None:
    lines = [_headings(rows), *([_exact(cell) for cell in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _headings(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return [name.replace("_", " ").upper() for name in rows[0]]


def _print_rich(rows: Sequence[Mapping[str, object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading, cell in zip(_headings(rows), rows[0].values(), strict=True):
        table.add_column(heading, overflow="fold", no_wrap=isinstance(cell, When))
    for row in rows:
        table.add_row(*(Text(_short(cell)) for cell in row.values()))
    Console(width=shutil.get_terminal_size().columns).print(table)

"""What the commands that read have in common: their arguments, their options, and the database they ask."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from typing import Any, TypeVar, cast

import click

from app.cli.context import Context
from app.cli.tables import print_json, print_table, with_progress
from app.domain.access import EVERYTHING, AccessScope
from app.domain.errors import TagtrailError
from app.domain.exports import Form, written
from app.domain.names import Reference
from app.domain.text import printable
from app.domain.times import parse_moment
from app.store.engine import Connection, reading
from app.store.presence import has_file, has_tables
from app.store.queries.conditions import registries_with
from app.store.queries.paging import Page, Paging, every, line_of

F = TypeVar("F", bound=Callable[..., Any])
Question = Callable[[Connection, AccessScope, Any, Paging], Page[Any]]
Row = Callable[[Any], Mapping[str, object]]
LINES_OF_A_TABLE = 50
LINES_AT_ONCE = 1000


class NoDatabaseError(TagtrailError):
    """Nothing has been set up where the command looks."""

    def __init__(self, what: str, command: str) -> None:
        super().__init__(f"{what}; start with: {command}")


class NothingKnownError(TagtrailError):
    """Nobody has told of what is asked for."""


@contextmanager
def asking(context: Context) -> Iterator[Connection]:
    """The database, to read. Raises NoDatabaseError, UnavailableError."""
    if not has_file(context.settings.database_url):
        raise NoDatabaseError(f"there is no database in {context.settings.data}", "tagtrail up")
    with reading(context.engine) as connection:
        if not has_tables(connection):
            raise NoDatabaseError("the database has no tables yet", "tagtrail migrate")
        yield connection


def only_registry(context: Context, repository: str) -> str:
    """The one that has told of `repository`. Raises NothingKnownError, UsageError."""
    with asking(context) as connection:
        found = registries_with(connection, EVERYTHING, repository)
    if not found:
        raise NothingKnownError(f"no registry has told of {repository}")
    if len(found) > 1:
        names = ", ".join(f"{printable(name)}/{repository}" for name in found)
        raise click.UsageError(f"several registries have {repository}; name one: {names}")
    return found[0]


class _Moment(click.ParamType[int]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_moment(value, time.time_ns())
        except ValueError as error:
            self.fail(printable(str(error)), param, ctx)


class _Reference(click.ParamType[Reference]):
    name = "reference"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Reference:
        try:
            return Reference.parse_wide(value)
        except TagtrailError as error:
            self.fail(printable(str(error)), param, ctx)


MOMENT = _Moment()
REFERENCE = _Reference()
KNOWN_AT = click.option(
    "--known-at", "known_ns", type=MOMENT, help="As it was known then: only what had been received by then counts."
)


def in_time(command: F) -> F:
    """The options --since and --until."""
    since = click.option("--since", "since_ns", type=MOMENT, help="From this moment on: 2026-03-01, or 7d back.")
    until = click.option("--until", "until_ns", type=MOMENT, help="Up to this moment, without it.")
    return since(until(command))


@dataclass(frozen=True, slots=True)
class Output:
    """How a list is to be printed: a table (`form` None) of at most `limit` lines, or in a form for machines.

    Those have no limit unless one is given, and are written as they are read.
    """

    limit: int | None
    form: Form | None

    def show(self, context: Context, page: Question, asked: Any, row: Row, nothing: str | None = None) -> None:
        """Print what `page` answers, for a table as `row` makes cells of it.

        Says on stderr if there is more. Raises NothingKnownError with `nothing`, if given, instead of an empty table.
        """
        with asking(context):  # says what is missing, if it is
            limit = LINES_OF_A_TABLE if self.form is None and self.limit is None else self.limit
        each = Paging(min(limit or LINES_AT_ONCE, LINES_AT_ONCE))
        found = every(context.engine, lambda connection, paging: page(connection, EVERYTHING, asked, paging), each)
        lines = _limited(found, limit)
        if self.form is not None:
            self.write(line_of(page), lines)
            return
        rows = [row(line) for line in lines]
        if nothing and not rows:
            raise NothingKnownError(nothing)
        print_table(rows)

    def show_one(self, found: Any) -> None:
        """Print one value: as JSON an object of several lines, in other forms a line."""
        if self.form == "json":
            print_json(found)
        else:
            self.write(type(found), [found])

    def write(self, line: type, lines: Iterable[Any]) -> None:
        """Print values of the dataclass `line` in a form for machines."""
        for piece in written(self.form or "json", line, with_progress(lines)):
            sys.stdout.buffer.write(piece)


def _limited(found: Iterator[Any], limit: int | None) -> Iterator[Any]:
    yield from islice(found, limit)
    if limit is not None and next(found, None) is not None:
        click.echo(f"(the newest {limit}; --limit shows more)", err=True)


def listing(command: F) -> F:
    """The options of every command that prints a list; it gets them as `output`."""

    @wraps(command)
    def with_output(*args: Any, limit: int | None, form: Form | None, **asked: Any) -> Any:
        return command(*args, output=Output(limit, form), **asked)

    made = cast(F, with_output)
    for form, text in _FORMS.items():
        made = click.option(f"--{form}", "form", flag_value=form, help=text)(made)
    amount = click.IntRange(1)
    return click.option("--limit", type=amount, help="Most lines.  [default: 50 of a table, else all]")(made)


_FORMS = {
    "csv": "Print CSV; a cell that looks like a formula gets an apostrophe in front.",
    "jsonl": "Print JSON Lines: one object a line.",
    "json": "Print a JSON array of objects.",
}


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: an array of objects, or one object.")

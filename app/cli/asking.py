"""What the commands that read have in common: their arguments, their options, and the database they ask."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from app.cli.context import Context
from app.domain.access import EVERYTHING, AccessScope
from app.domain.errors import TagtrailError
from app.domain.names import Reference
from app.domain.text import printable
from app.domain.times import parse_moment
from app.store.engine import Connection, reading
from app.store.presence import has_file, has_tables
from app.store.queries.paging import Page, Paging

F = TypeVar("F", bound=Callable[..., Any])


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
            return Reference.parse(value)
        except TagtrailError as error:
            self.fail(printable(str(error)), param, ctx)


MOMENT = _Moment()
REFERENCE = _Reference()


def listing(command: F) -> F:
    """The options of every command that prints a list."""
    amount = click.IntRange(1, 100_000)
    return click.option("--limit", default=50, show_default=True, type=amount, help="Most lines.")(as_json(command))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: an array of objects, or one object.")


Question = Callable[[Connection, AccessScope, Any, Paging], Page[Any]]


def ask(context: Context, page: Question, asked: Any, limit: int) -> Page[Any]:
    """The first page of a list; says on stderr if there is more."""
    with asking(context) as connection:
        found = page(connection, EVERYTHING, asked, Paging(limit))
    if found.next is not None:
        click.echo(f"(the newest {limit}; --limit shows more)", err=True)
    return found

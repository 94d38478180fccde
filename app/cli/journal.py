"""`tagtrail journal`: our own registry's events, and how its endpoints take them."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from app.bootstrap import journal_engine
from app.cli.asking import NoDatabaseError, NothingKnownError, as_json, in_time
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json, print_table
from app.domain.times import SECOND_NS
from app.settings.operator import operator
from app.store import journal as entries
from app.store import parked as set_aside
from app.store.engine import Connection, Engine, now_ns, reading
from app.store.journal import Entry
from app.store.parked import Parked
from app.store.presence import has_file, has_tables
from app.store.standings import Standing, standings
from app.usecases import endpoints as usecases
from app.usecases.endpoints import Place

FOLLOWED_EVERY_S = 0.5
MOST = 1000


@click.group()
def journal() -> None:
    """What our own registry tells of itself, and who has been told."""


@journal.command()
@as_json
@pass_context
def status(context: Context, as_json: bool) -> None:
    """How far each endpoint has come, how it answers, and what waits for somebody."""
    with _asking(context) as connection:
        found, now = standings(connection, [one.name for one in context.settings.endpoints]), now_ns(connection)
    rows = [_standing(one, now) for one in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows)


def _standing(one: Standing, now: int) -> Mapping[str, object]:
    return {
        "endpoint": one.endpoint, "state": one.state(now), "at": one.seq, "behind": one.behind,
        "seconds": round((now - one.oldest_ns) / SECOND_NS, 1) if one.oldest_ns else 0,
        "failures": one.failures, "answer": one.answer, "parked": one.parked, "again": one.again,
    }  # fmt: skip


@journal.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0, MOST), help="So many of the last ones.")
@click.option("--follow", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines: an event each, as it was told.")
@pass_context
def tail(context: Context, limit: int, follow: bool, as_json: bool) -> None:
    """The last events, in the order of their numbers."""
    with _asking(context) as connection:
        at = max(entries.head(connection)[1] - limit, 0)
    engine = _engine(context)
    while True:
        with reading(engine) as connection:
            found = entries.entries_after(connection, at, MOST)
        _print(found, as_json=as_json)
        at = found[-1].seq if found else at
        if not follow:
            return
        time.sleep(FOLLOWED_EVERY_S)


def _print(found: Sequence[Entry], *, as_json: bool) -> None:
    if as_json:
        for entry in found:
            click.echo(json.dumps(json.loads(entry.event) | {"tagtrail": _ours(entry)}))
    elif found:
        print_table([_row(entry) for entry in found])


def _ours(entry: Entry) -> Mapping[str, object]:
    return {"sequence": entry.seq} | (json.loads(entry.extra) if entry.extra else {})


def _row(entry: Entry) -> Mapping[str, object]:
    event = json.loads(entry.event)
    target, request = event["target"], event["request"]
    return {
        "number": entry.seq, "time": When(entry.opened_ns), "action": entry.action, "repository": entry.repository,
        "tag": target.get("tag"), "digest": target["digest"] or None, "actor": event["actor"].get("name"),
        "from": request.get("addr"),
    }  # fmt: skip


@journal.command()
@in_time
@click.option("--endpoint", help="Only this one; all unless said.")
@click.option("--dry-run", is_flag=True, help="Say how many would go, and send nothing.")
@as_json
@pass_context
def replay(
    context: Context, /, since_ns: int | None, until_ns: int | None, endpoint: str | None, **flags: bool
) -> None:
    """Send what was told within a time once more, under the same ids and numbers, after what is new."""
    if since_ns is None:
        raise click.UsageError("say since when: --since TIME")
    end = time.time_ns() if until_ns is None else until_ns
    wanted = _wanted(context, endpoint)
    found = usecases.replay(_place(context), wanted, since_ns, end, dry_run=flags["dry_run"])
    if flags["as_json"]:
        print_json(found)
    else:
        rows = [{"endpoint": one.endpoint, "events": one.events, "from": one.first, "to": one.last} for one in found]
        print_table(rows)


@journal.group()
def parked() -> None:
    """Events that an endpoint refused, and that wait for somebody."""


@parked.command(name="list")
@click.option("--endpoint", help="Only of this one.")
@as_json
@pass_context
def list_parked(context: Context, endpoint: str | None, as_json: bool) -> None:
    """What is set aside, with why; `again` is sent once more by itself."""
    with _asking(context) as connection:
        found = set_aside.listed(connection, endpoint)
    if as_json:
        print_json(found)
    else:
        print_table([_parked(one) for one in found])


def _parked(one: Parked) -> Mapping[str, object]:
    return {
        "endpoint": one.endpoint, "number": one.seq, "since": When(one.parked_ns), "action": one.action,
        "repository": one.repository, "again": "yes" if one.again else None, "reason": one.reason,
    }  # fmt: skip


@parked.command()
@click.argument("endpoint")
@click.argument("numbers", nargs=-1, type=int)
@pass_context
def retry(context: Context, endpoint: str, numbers: tuple[int, ...]) -> None:
    """Send what ENDPOINT refused once more: the events of these NUMBERS, or all."""
    found = usecases.retry(_place(context), endpoint, numbers)
    click.echo(f"{len(found)} events are sent to {endpoint} once more")


@parked.command()
@click.argument("endpoint")
@click.argument("numbers", nargs=-1, type=int, required=True)
@click.option("--reason", required=True, help="Why, for those who look at it later.")
@pass_context
def drop(context: Context, endpoint: str, numbers: tuple[int, ...], reason: str) -> None:
    """Let what ENDPOINT refused be: the events of these NUMBERS. They stay in the journal."""
    found = usecases.drop(_place(context), endpoint, numbers, reason)
    click.echo(f"{len(found)} events are not sent to {endpoint}")


def _engine(context: Context) -> Engine:
    """Its connections are closed when the command ends."""
    engine = journal_engine(context.settings)
    click.get_current_context().call_on_close(engine.dispose)
    return engine


@contextmanager
def _asking(context: Context) -> Iterator[Connection]:
    """The journal, to read. Raises NoDatabaseError."""
    missing = NoDatabaseError(f"there is no journal in {context.settings.data}", "tagtrail up")
    if not has_file(context.settings.journal_url):
        raise missing
    with reading(_engine(context)) as connection:
        if not has_tables(connection):
            raise missing
        yield connection


def _wanted(context: Context, endpoint: str | None) -> Sequence[str]:
    """That one, or those that the configuration names; where it names none, as for a registry alone, all known."""
    configured = [one.name for one in context.settings.endpoints]
    with _asking(context) as connection:
        known = [one.endpoint for one in standings(connection, configured)]
    if endpoint is None:
        return configured or known
    if endpoint not in known:
        raise NothingKnownError(f"no endpoint {endpoint!r}; known are {', '.join(known) or 'none'}")
    return [endpoint]


def _place(context: Context) -> Place:
    """A registry that is served alone has one database, which also has the log of actions."""
    with _asking(context):
        pass  # there is a journal
    engine = _engine(context)
    beside = has_file(context.settings.database_url)
    return Place(engine, context.engine if beside else engine, operator())

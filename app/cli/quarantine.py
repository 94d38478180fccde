"""`tagtrail quarantine`: bodies that could not be read."""

import sys
from typing import Any

import click

from app.bootstrap import policy
from app.cli.asking import NothingKnownError, Output, as_json, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts, print_json, print_table, print_text
from app.domain.access import EVERYTHING
from app.domain.plain import plain
from app.settings.operator import operator
from app.store import quarantine as stored
from app.store.queries import quarantine as queries
from app.store.queries.quarantine import QuarantineFilter, QuarantineLine
from app.usecases import retry_quarantine
from app.usecases.retry_quarantine import Retried


@click.group()
def quarantine() -> None:
    """What senders sent that could not be read; nothing authentic is thrown away."""


@quarantine.command("list")
@click.option("--origin")
@click.option("--all", "resolved", is_flag=True, help="Also what was taken in later.")
@listing
@pass_context
def list_entries(context: Context, /, output: Output, **asked: Any) -> None:
    """List what nobody has taken in yet, newest first."""
    output.show(context, queries.page, QuarantineFilter(**asked), _row)


def _row(line: QuarantineLine) -> dict[str, object]:
    return {
        "time": When(line.received_ns), "id": line.id, "origin": line.origin, "reason": line.reason,
        "bytes": line.length, "detail": line.detail, "resolved": _resolved(line),
    }


def _resolved(line: QuarantineLine) -> When | None:
    return None if line.resolved_ns is None else When(line.resolved_ns)


@quarantine.command()
@click.argument("identity", metavar="ID")
@as_json
@pass_context
def show(context: Context, identity: str, as_json: bool) -> None:
    """Show one entry and as much of its body as was kept."""
    with asking(context) as connection:
        found = queries.one(connection, EVERYTHING, identity)
    if found is None:
        raise NothingKnownError(f"no entry {identity!r}; `tagtrail quarantine list` lists them")
    line, body = found
    if as_json:
        print_json(plain(line) | {"body": plain(body)})
        return
    print_facts([
        ("id", line.id), ("origin", line.origin), ("received", When(line.received_ns)), ("reason", line.reason),
        ("detail", line.detail), ("content type", line.content_type), ("bytes", line.length), ("sha256", line.sha256),
        ("resolved", _resolved(line)),
    ])
    click.echo()
    print_text(body)


@quarantine.command()
@click.argument("identities", metavar="[ID]...", nargs=-1)
@click.option("--origin", help="All of this origin.")
@as_json
@pass_context
def retry(context: Context, identities: tuple[str, ...], origin: str | None, as_json: bool) -> None:
    """Read entries again as today's dialects read them, and take in what they tell: the given ones, or all.

    The status is 1 if one of them stays.
    """
    with asking(context) as connection:
        wanted = identities or stored.unresolved(connection, origin)
    retried = [_retry(context, identity) for identity in wanted]
    if as_json:
        print_json(retried)
    else:
        print_table([{"id": one.id, "events": one.events, "stays": one.why or "no"} for one in retried])
    sys.exit(any(one.why for one in retried))


def _retry(context: Context, identity: str) -> Retried:
    with asking(context) as connection:
        rejected = stored.get(connection, identity)
    found = context.settings.origin(rejected.origin) if rejected else None
    origin = found[0] if found else None
    return retry_quarantine.retry(context.engine, identity, origin, policy(context.settings), operator())

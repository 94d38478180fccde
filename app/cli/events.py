"""`tagtrail events`: what registries told, as it was stored."""

import sys
from typing import Any

import click

from app.cli.asking import MOMENT, NothingKnownError, ask, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json, print_table, print_text
from app.domain.access import EVERYTHING
from app.store.queries import events as queries
from app.store.queries.events import EventFilter


@click.command()
@click.option("--registry")
@click.option("--repository")
@click.option("--tag")
@click.option("--digest")
@click.option("--actor")
@click.option("--action", help="push, pull, mount, delete or observe.")
@click.option("--origin")
@click.option("--since", "since_ns", type=MOMENT, help="From this moment on: 2026-03-01, or 7d back.")
@click.option("--until", "until_ns", type=MOMENT, help="Up to this moment, without it.")
@click.option("--raw", type=int, metavar="SEQ", help="Print the exact bytes of one event instead.")
@listing
@pass_context
def events(context: Context, /, raw: int | None, limit: int, as_json: bool, **asked: Any) -> None:
    """List events, newest first."""
    if raw is not None:
        _print_raw(context, raw)
        return
    lines = ask(context, queries.page, EventFilter(**asked), limit).items
    if as_json:
        print_json(lines)
        return
    print_table([
        {
            "seq": line.seq, "time": When(line.time_ns), "action": line.action, "registry": line.registry,
            "repository": line.repository, "tag": line.tag, "digest": line.digest, "who": line.actor,
            "origin": line.origin, "flags": line.flags or None,
        }
        for line in lines
    ])


def _print_raw(context: Context, seq: int) -> None:
    with asking(context) as connection:
        found = queries.one(connection, EVERYTHING, seq)
    if found is None:
        raise NothingKnownError(f"there is no event {seq}")
    if sys.stdout.isatty():
        print_text(found[1])
    else:
        click.echo(found[1], nl=False)

"""`tagtrail events`: what registries told, as it was stored."""

import sys
from typing import Any

import click

from app.cli.asking import KNOWN_AT, NothingKnownError, Output, asking, in_time, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_text
from app.domain.access import EVERYTHING
from app.store.queries import events as queries
from app.store.queries.events import EventFilter, EventLine


@click.command()
@click.option("--registry")
@click.option("--repository", help="Its name, or a pattern such as 'shop/*'.")
@click.option("--tag", help="Its name, or a pattern such as 'v1.*'.")
@click.option("--digest")
@click.option("--actor")
@click.option("--action", help="push, pull, mount, delete or observe.")
@click.option("--origin")
@in_time
@KNOWN_AT
@click.option("--raw", type=int, metavar="SEQ", help="Print the exact bytes of one event instead.")
@listing
@pass_context
def events(context: Context, /, raw: int | None, output: Output, **asked: Any) -> None:
    """List events, newest first."""
    if raw is not None:
        _print_raw(context, raw)
        return
    output.show(context, queries.page, EventFilter(**asked), _row)


def _row(line: EventLine) -> dict[str, object]:
    return {
        "seq": line.seq, "time": When(line.time_ns), "action": line.action, "registry": line.registry,
        "repository": line.repository, "tag": line.tag, "digest": line.digest, "who": line.actor,
        "origin": line.origin, "flags": line.flags or None,
    }


def _print_raw(context: Context, seq: int) -> None:
    with asking(context) as connection:
        found = queries.one(connection, EVERYTHING, seq)
    if found is None:
        raise NothingKnownError(f"there is no event {seq}")
    if sys.stdout.isatty():
        print_text(found[1])
    else:
        click.echo(found[1], nl=False)

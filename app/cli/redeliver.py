"""`tagtrail redeliver` and `drop`: what becomes of messages that were given up, or have to go once more."""

import time
from collections import Counter
from collections.abc import Sequence

import click

from app.cli.asking import as_json, asking, in_time
from app.cli.context import Context, pass_context
from app.cli.progress import Progress
from app.cli.tables import print_json, print_table
from app.domain.access import EVERYTHING
from app.settings.operator import operator
from app.store.queries.deliveries import Failed
from app.usecases.drop import drop as drop_one
from app.usecases.redeliver import redeliver as send_again
from app.usecases.redeliver_failed import Given, find_failed, redeliver_failed


@click.command()
@click.argument("delivery", required=False)
@click.option("--new", "as_new", is_flag=True, help="As a new message: the same body under a new id.")
@click.option("--failed", is_flag=True, help="All that were given up within a time, in place of one DELIVERY.")
@in_time
@click.option("--dry-run", is_flag=True, help="With --failed: say what would be sent, and send nothing.")
@as_json
@pass_context
def redeliver(
    context: Context, /, delivery: str | None, since_ns: int | None, until_ns: int | None, **flags: bool
) -> None:
    """Make DELIVERY due now: the same id and bytes, so that a receiver that has it already can tell.

    Also one that was superseded: it sends what was true then. With --failed, deploys whose tag has moved on since are
    superseded instead.
    """
    with asking(context):
        pass  # there is a database to ask
    if flags["failed"]:
        if delivery is not None or flags["as_new"] or since_ns is None:
            raise click.UsageError("--failed takes --since TIME, and neither a DELIVERY nor --new")
        _all_failed(context, Failed(since_ns, time.time_ns() if until_ns is None else until_ns), flags)
        return
    if delivery is None or since_ns is not None or until_ns is not None or flags["dry_run"]:
        raise click.UsageError("give either one DELIVERY, or --failed --since TIME")
    sent = send_again(context.engine, delivery, operator(), as_new=flags["as_new"])
    if flags["as_json"]:
        print_json({"id": sent})
    else:
        click.echo(sent)


def _all_failed(context: Context, failed: Failed, flags: dict[str, bool]) -> None:
    found = find_failed(context.engine, EVERYTHING, failed)
    if not flags["dry_run"]:
        progress, of = Progress(), len(found)
        found = redeliver_failed(context.engine, found, operator(), lambda done: progress("made due", done, of))
        progress.close()
    if flags["as_json"]:
        print_json(found)
    else:
        _show(found)


def _show(found: Sequence[Given]) -> None:
    counted = Counter(one.destination for one in found)
    print_table([{"destination": destination, "deliveries": number} for destination, number in counted.items()])


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="DELIVERY...")
@click.option("--reason", required=True, help="Why, for those who look at it later.")
@pass_context
def drop(context: Context, ids: Sequence[str], reason: str) -> None:
    """Take DELIVERY, which was given up, off the dead letters: it is `dropped`, and what it was is kept."""
    with asking(context):
        pass  # there is a database to write to
    for one in ids:
        drop_one(context.engine, one, operator(), reason)

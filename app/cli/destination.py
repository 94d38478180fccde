"""`tagtrail destination`: how the places do that deliveries go to."""

import click

from app.cli.asking import as_json as json_option
from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json, print_table
from app.domain.access import EVERYTHING
from app.settings.operator import operator
from app.store.queries import destinations as queries
from app.usecases import destinations
from app.usecases.destinations import UnknownDestinationError


@click.group()
def destination() -> None:
    """Triggers and channels: open, backing off after a failure, or disabled."""


@destination.command(name="list")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """How each destination of the configuration does, and how many deliveries are for it."""
    with asking(context) as connection:
        found = queries.lines(connection, EVERYTHING, context.settings.destinations)
    if as_json:
        print_json(found)
        return
    print_table([
        {
            "name": one.name, "state": one.state, "since": When(one.since_ns) if one.since_ns else None,
            "failures": one.failures, "reason": one.reason,
            "next try": When(one.next_try_ns) if one.next_try_ns else None,
            "in flight": one.in_flight, "waiting": one.waiting, "dead": one.dead,
        }
        for one in found
    ])


@destination.command()
@click.argument("name")
@pass_context
def enable(context: Context, name: str) -> None:
    """Try NAME (trigger:web-prod, channel:ops) again now, with what has waited for it."""
    _check(context, name)
    click.echo(f"{name}: {destinations.enable(context.engine, name, operator()).state.value}")


@destination.command()
@click.argument("name")
@click.option("--reason", help="Why, for those who look at it later.")
@pass_context
def disable(context: Context, name: str, reason: str | None) -> None:
    """Send nothing to NAME until it is enabled. What comes meanwhile waits, and expires in its time."""
    _check(context, name)
    click.echo(f"{name}: {destinations.disable(context.engine, name, operator(), reason).state.value}")


def _check(context: Context, name: str) -> None:
    """There is a database to write to, and such a destination."""
    with asking(context):
        pass
    if name not in context.settings.file.destinations:
        raise UnknownDestinationError(name, context.settings.file.destinations)

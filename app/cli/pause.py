"""`tagtrail pause`, `resume`, `pauses`: hold deploys back, and let them go."""

import time

import click

from app.cli.asking import Output, as_json, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json
from app.domain.holds import EVERYTHING, Pause
from app.domain.text import printable
from app.domain.times import parse_end, rfc3339_nano
from app.settings.operator import operator
from app.store.queries import pauses as queries
from app.store.queries.pauses import PauseFilter
from app.usecases import pauses as holding
from app.usecases.pauses import Wanted


def _end(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_end(text, time.time_ns())
    except ValueError as error:
        raise click.BadParameter(printable(str(error))) from None


@click.command()
@click.argument("scope", default=EVERYTHING)
@click.option("--until", "until_ns", callback=_end, metavar="TIME", help="2h from now, or 2026-03-01T09:00:00Z.")
@click.option("--reason", help="What others read who wonder.")
@as_json
@pass_context
def pause(context: Context, /, scope: str, until_ns: int | None, reason: str | None, as_json: bool) -> None:
    """Hold back what SCOPE sends: everything (all deploys), rule:NAME, trigger:NAME or channel:NAME.

    History goes on. What is held doesn't expire, and goes when the pause ends, if it is still so then.
    """
    with asking(context):
        pass  # there is a database to write to
    known = holding.scopes(context.settings.rules, context.settings.destinations)
    made = holding.pause(context.engine, Wanted(scope, until_ns, reason), known, operator())
    if as_json:
        print_json(made)
    else:
        click.echo(f"{scope}: paused" + ("" if until_ns is None else f" until {rfc3339_nano(until_ns)}"))


@click.command()
@click.argument("scope", default=EVERYTHING)
@as_json
@pass_context
def resume(context: Context, scope: str, as_json: bool) -> None:
    """End the pause of SCOPE (everything unless said): what only it held goes now."""
    with asking(context):
        pass  # there is a database to write to
    holding.resume(context.engine, scope, operator())
    if as_json:
        print_json({"scope": scope})
    else:
        click.echo(f"{scope}: no longer paused")


@click.command()
@listing
@pass_context
def pauses(context: Context, output: Output) -> None:
    """List what is paused. Rules that are paused in the configuration are not here."""
    output.show(context, queries.page, PauseFilter(), _row)


def _row(line: Pause) -> dict[str, object]:
    return {
        "scope": line.scope, "since": When(line.since_ns),
        "until": None if line.until_ns is None else When(line.until_ns), "by": line.actor, "reason": line.reason,
    }

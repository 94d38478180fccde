"""`tagtrail trigger`: what deploys."""

import difflib
from collections.abc import Sequence
from dataclasses import replace

import click

from app.bootstrap import make_trigger
from app.cli.asking import NothingKnownError, asking
from app.cli.context import Context, pass_context
from app.domain.fields import SAMPLES
from app.domain.told import Told
from app.outbound import Door
from app.settings import ConfigurationError, load
from app.usecases.tell import tell


@click.group()
def trigger() -> None:
    """The triggers of the configuration."""


@trigger.command()
@click.argument("name")
@click.option("--change", "change_id", metavar="ID", help="Show it for this change.  [default: a made-up one]")
@pass_context
def show(context: Context, /, name: str, change_id: str | None) -> None:
    """Print what trigger NAME would send for a change, without its secrets. Nothing is sent."""
    settings = load()
    if name not in settings.file.triggers:
        known = settings.file.triggers
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise ConfigurationError(f"no trigger is called {name!r}; {hint}")
    with Door() as door:
        sink = make_trigger(settings, door, name)
        click.echo(sink.shown(sink.render(_told(context, change_id))))


def _told(context: Context, change_id: str | None) -> Sequence[Told]:
    if change_id is None:
        return SAMPLES[0]
    with asking(context) as connection:
        found = tell(connection, [change_id], 0)
    if not found:
        raise NothingKnownError(f"no change {change_id!r}; `tagtrail history --json` tells their ids")
    return [replace(found[0].told, rule="sample")]

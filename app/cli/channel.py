"""`tagtrail channel`: where people are told."""

import difflib
import sys
import time

import click

from app.bootstrap import make_channel
from app.cli.tables import print_text
from app.domain.digests import Digest
from app.domain.told import Told
from app.outbound import Door
from app.settings import ConfigurationError, Settings, load
from app.sinks.sink import Channel
from app.usecases.new_id import new_id


@click.group()
def channel() -> None:
    """The channels of the configuration."""


@channel.command()
@click.argument("name")
@click.option("--show", is_flag=True, help="Print the message and send nothing.")
def test(name: str, show: bool) -> None:
    """Send a made-up change to channel NAME, now, and say what came of it."""
    settings = load()
    with Door() as door:
        found = _channel(settings, door, name)
        message = found.render([_made_up(settings.public_url)])
        if show:
            print_text(message.body)
            return
        outcome = found.send(new_id(), message, int(time.time()))
    took_ms = outcome.duration_ns // 1_000_000
    click.echo(f"{'taken' if outcome.delivered else 'not taken'}: {outcome.detail}, after {took_ms} ms")
    if outcome.answer:
        print_text(outcome.answer)
    sys.exit(0 if outcome.delivered else 1)


def _channel(settings: Settings, door: Door, name: str) -> Channel:
    known = settings.file.channels
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise ConfigurationError(f"no channel is called {name!r}; {hint}")
    return make_channel(settings, door, name)


def _made_up(base_url: str) -> Told:
    """A change that says of itself that it is a test, in every field that channels show."""
    return Told(
        change_id="test",
        kind="moved",
        registry="registry.example",
        repository="this-is/a-test",
        tag="test",
        before=str(Digest.of(b"before")),
        after=str(Digest.of(b"after")),
        actor="tagtrail channel test",
        origin="test",
        time_ns=time.time_ns(),
        rule="test",
        event_id="test",
        link=base_url,
        media_type=None,
    )

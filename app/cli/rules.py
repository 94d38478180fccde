"""`tagtrail rules`: what leads where."""

import click

from app.bootstrap import make_export, make_forwards, make_receivers, make_remotes, make_sinks
from app.outbound import Door
from app.settings import load


@click.group()
def rules() -> None:
    """The rules of the configuration."""


@rules.command()
def check() -> None:
    """Read the configuration as a start would, and say what each rule does."""
    settings = load()
    with Door() as door:
        make_sinks(settings, door)
        make_remotes(settings, door)
    make_receivers(settings)
    make_forwards(settings)
    make_export(settings)
    for rule in settings.rules:
        when = rule.when
        about = " ".join(
            f"{name}={value}"
            for name, value in (
                ("registry", when.registry),
                ("origin", when.origin),
                ("repository", when.repository),
                ("tag", when.tag),
            )
            if value is not None
        )
        click.echo(
            f"{rule.name}: {about or 'everything'} [{', '.join(sorted(when.kinds))}] -> "
            f"{', '.join(rule.destinations) or 'nothing'}"
        )
    click.echo(f"ok: {len(settings.rules)} rules, {settings.config or 'no configuration file'}", err=True)

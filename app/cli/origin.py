"""`tagtrail origin`: the senders of envelopes."""

import json
import re

import click

from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.envelopes import KINDS
from app.settings import ConfigurationError, Settings, load
from app.settings.load import check_causes
from app.settings.origins_folder import LOCAL, write_private
from app.store.origins import all_tallies

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")


@click.group()
def origin() -> None:
    """The configured senders of envelopes."""


@origin.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="distribution", show_default=True)
@click.option(
    "--registry", "registries", multiple=True, help="A name under which it writes history, as people type it."
)
def add(name: str, kind: str, registries: tuple[str, ...]) -> None:
    """Add an origin with a secret of its own, and print what to paste into its registry's configuration."""
    settings = load(acting=False)
    settings.origins.add(name, kind, tuple(_registry(registry) for registry in registries))
    text = endpoint_yaml(settings, name)
    folder = settings.data / "endpoints"
    folder.mkdir(exist_ok=True, mode=0o700)
    write_private(folder / f"{name}.yml", text + "\n")
    click.echo(
        f"added {name}; no restart is needed. Into its registry's config.yml goes {folder / name}.yml:\n", err=True
    )
    click.echo(text)
    try:
        check_causes(settings)
    except ConfigurationError as error:
        click.echo(f"warning, the next start will refuse this: {error}", err=True)


@origin.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """All origins, and what has come from each."""
    settings = context.settings
    with asking(context) as connection:
        tallies = all_tallies(connection)
    rows = []
    for name, section in sorted(settings.origins.all().items()):
        tally = tallies.get(name)
        rows.append(
            {
                "origin": name,
                "kind": section.kind,
                "registries": list(section.registries or (name,)),
                "proof": "none: " + section.insecure if section.insecure else "bearer",
                "events": tally.events if tally else 0,
                "repeats": tally.repeats if tally else 0,
                "quarantined": tally.quarantined if tally else 0,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from app.cli.tables import print_table

    print_table(rows)


@origin.command()
@click.argument("name")
def show(name: str) -> None:
    """What to paste into an origin's registry's configuration, with its secret."""
    settings = load(acting=False)
    if settings.origins.get(name) is None:
        known = ", ".join(sorted(settings.origins.all())) or "none yet"
        raise ConfigurationError(f"no origin is called {name!r}; there are: {known}")
    click.echo(endpoint_yaml(settings, name))


@origin.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take nothing more from an origin that was added by command; what it told stays."""
    settings = load(acting=False)
    settings.origins.remove(name)
    (settings.data / "endpoints" / f"{name}.yml").unlink(missing_ok=True)


def _registry(name: str) -> str:
    if not _HOST.fullmatch(name) or name == LOCAL:
        raise ConfigurationError(
            f"not a registry's name: {name!r}; write its host as people type it, such as registry.example:5000"
        )
    return name


def endpoint_yaml(settings: Settings, name: str) -> str:
    """`notifications.endpoints` as distribution's config.yml has it. Holds the secret: printed on request only."""
    section = settings.origins.get(name)
    lines = [
        "notifications:",
        "  endpoints:",
        "    - name: tagtrail",
        f"      url: {settings.receiver_url}/hooks/{name}",
    ]
    if section is not None and section.auth is not None:
        secret = section.auth.bearer.get_secret_value()
        lines += ["      headers:", f'        Authorization: ["Bearer {secret}"]']
    return "\n".join([*lines, "      timeout: 2s", "      threshold: 5", "      backoff: 5s"])

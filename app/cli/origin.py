"""`tagtrail origin`: the senders of envelopes."""

import json
import re
from typing import get_args

import click

from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.cli.pasting import OIDC, check_can_prove, pasted, side
from app.cli.recorded import recorded
from app.domain.access import EVERYTHING
from app.domain.origins import is_silent
from app.domain.plain import plain
from app.domain.times import rfc3339
from app.envelopes import KINDS
from app.settings import ConfigurationError, Settings, load
from app.settings.causes import check_causes
from app.settings.operator import operator
from app.settings.origins_folder import LOCAL, write_private
from app.settings.proofs import ProofKind
from app.settings.sections import OriginSection
from app.store.actions import Action
from app.store.engine import now_ns
from app.store.queries.origins import OriginFacts, facts

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
@click.option(
    "--auth", "proof", type=click.Choice(get_args(ProofKind)), help="How it proves itself.  [default: as the kind can]"
)
def add(name: str, kind: str, registries: tuple[str, ...], proof: ProofKind | None) -> None:
    """Add an origin with a secret of its own, and print what to paste into its registry's configuration."""
    settings = load(acting=False)
    proof = proof or side(kind).proof
    check_can_prove(kind, proof)
    if proof == "oidc":
        raise ConfigurationError(OIDC.format(name=name, kind=kind, url=f"{settings.receiver_url}/hooks/{name}"))
    names = tuple(_registry(registry) for registry in registries)
    detail = {"kind": kind, "registries": names, "proof": proof}
    with recorded(settings, Action(operator(), "origin.add", name, detail)):
        settings.origins.add(name, kind, names, proof)
    text = _pasted(settings, name)
    into = _keep(settings, name, text) if kind == "distribution" else "settings goes"
    click.echo(f"added {name}; no restart is needed. Into its registry's {into}:\n", err=True)
    click.echo(text)
    try:
        check_causes(settings.file, settings.origins.all(), settings.config)
    except ConfigurationError as error:
        click.echo(f"warning, nothing of it is taken in, and no start will do, until this is mended: {error}", err=True)


def _keep(settings: Settings, name: str, text: str) -> str:
    folder = settings.data / "endpoints"
    folder.mkdir(exist_ok=True, mode=0o700)
    write_private(folder / f"{name}.yml", text + "\n")
    return f"config.yml goes {folder / name}.yml"


@origin.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """All origins, and what has come from each."""
    sections = dict(sorted(context.settings.origins.all().items()))
    with asking(context) as connection:
        known, now = facts(connection, EVERYTHING, sections), now_ns(connection)
    rows = [_row(section, found, now) for section, found in zip(sections.values(), known, strict=True)]
    if as_json:
        told = [row | {"newest": plain(found.newest)} for row, found in zip(rows, known, strict=True)]
        click.echo(json.dumps(told, indent=2))
        return
    from app.cli.tables import print_table

    print_table(rows)


def _row(section: OriginSection, found: OriginFacts, now: int) -> dict[str, object]:
    """`silent_since` is None for one that isn't, and for one of which nothing is expected."""
    heard_ns, expected_ns = found.heard_ns, section.expect_every
    heard = rfc3339(heard_ns, 0) if heard_ns is not None else None
    silent = expected_ns is not None and is_silent(heard_ns or 0, expected_ns, now)
    return {
        "origin": found.origin,
        "kind": section.kind,
        "registries": list(section.registries or (found.origin,)),
        "proof": f"none: {section.insecure}" if section.insecure else section.proof,
        "events": found.events,
        "repeats": found.repeats,
        "quarantined": found.quarantined,
        "ignored": found.ignored,
        "gaps": found.gaps,
        "heard": heard,
        "silent_since": (heard or "never heard") if silent else None,
    }


@origin.command()
@click.argument("name")
def show(name: str) -> None:
    """What to paste into an origin's registry's configuration, with its secret."""
    settings = load(acting=False)
    if settings.origins.get(name) is None:
        known = ", ".join(sorted(settings.origins.all())) or "none yet"
        raise ConfigurationError(f"no origin is called {name!r}; there are: {known}")
    click.echo(_pasted(settings, name))


@origin.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One object.")
@pass_context
def doctor(context: Context, name: str, as_json: bool) -> None:
    """What to paste on an origin's side, with its secret, and whether made-up events of its kind arrive.

    The status is 1 if they don't. They have no part in history and start nothing.
    """
    from app.cli.doctor import diagnose

    if not diagnose(context, name, as_json=as_json):
        click.get_current_context().exit(1)


@origin.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take nothing more from an origin that was added by command; what it told stays."""
    settings = load(acting=False)
    with recorded(settings, Action(operator(), "origin.remove", name)):
        settings.origins.remove(name)
    (settings.data / "endpoints" / f"{name}.yml").unlink(missing_ok=True)


def _registry(name: str) -> str:
    if not _HOST.fullmatch(name) or name == LOCAL:
        raise ConfigurationError(
            f"not a registry's name: {name!r}; write its host as people type it, such as registry.example:5000"
        )
    return name


def _pasted(settings: Settings, name: str) -> str:
    section = settings.origins.all()[name]
    return pasted(section.kind, f"{settings.receiver_url}/hooks/{name}", section.auth)

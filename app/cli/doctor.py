"""`tagtrail origin doctor`: what an origin's registry has to be told, and whether the receiver does its part."""

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial

import click

from app.cli.asking import asking
from app.cli.context import Context
from app.cli.pasting import first_secret, pasted, side
from app.cli.proving import proven
from app.domain.access import EVERYTHING
from app.domain.origins import GENERIC, Origin
from app.domain.plain import plain
from app.domain.text import printable
from app.outbound import Door, Url
from app.settings import ConfigurationError, Settings
from app.settings.load import is_loopback
from app.settings.operator import operator
from app.settings.proofs import Auth
from app.settings.references import resolve
from app.settings.sections import OriginSection
from app.store.actions import Action
from app.store.queries.origins import OriginFacts, facts
from app.usecases.examine import Sender, Step, examine
from app.usecases.note_action import note_action

_UNTRIED = {
    "oidc": "only the issuer can sign its tokens, so nothing was sent: let the registry send something, "
    "and look for it with tagtrail origin list",
    GENERIC: "what its sender writes is known to its mapping: alone, so nothing was sent: let it send something, "
    "and look for it with tagtrail origin list",
}
_MARKS = {True: "ok", False: "not ok", None: "not tried"}


def diagnose(context: Context, name: str, *, as_json: bool) -> bool:
    """Print it all; whether no step failed. Raises ConfigurationError where no origin is called `name`."""
    settings = context.settings
    found = settings.origin(name)
    if found is None:
        known = ", ".join(sorted(settings.origins.all())) or "none yet"
        raise ConfigurationError(f"no origin is called {name!r}; there are: {known}")
    origin, section = found
    paste = pasted(section.kind, f"{settings.receiver_url}/hooks/{name}", section.auth)
    with asking(context) as connection:
        (known_of,) = facts(connection, EVERYTHING, [name])
    if not as_json:
        click.echo(f"{paste}\n")
    steps = []
    for step in _steps(context, origin, section):
        steps.append(step)
        if not as_json:
            _print_step(step)
    if as_json:
        told = {"origin": name, "settings": paste, "steps": plain(steps), "known": plain(known_of)}
        click.echo(json.dumps(told, indent=2))
    else:
        _print_known(known_of)
    return all(step.ok is not False for step in steps)


def _steps(context: Context, origin: Origin, section: OriginSection) -> Iterator[Step]:
    settings = context.settings
    yield _address(settings)
    reason = next((why for what, why in _UNTRIED.items() if what in (section.proof, section.kind)), None)
    if reason is not None:
        yield Step("send", None, reason)
        return
    try:
        sender = _sender(settings, origin, section)
    except ValueError as error:
        yield Step("secret", False, str(error), "run this command with the environment of the receiver")
        return
    note_action(context.engine, Action(operator(), "origin.doctor", origin.name))
    with Door() as door:
        yield from examine(context.engine, door, sender)


def _address(settings: Settings) -> Step:
    host = Url.parse(settings.receiver_url).host
    advice = "only this machine reaches that address: for others set web: url: in tagtrail.yml"
    return Step("address", True, settings.receiver_url, advice if is_loopback(host) else "")


def _sender(settings: Settings, origin: Origin, section: OriginSection) -> Sender:
    """Raises ValueError for a secret that is not at hand."""
    known = partial(resolve, folder=settings.folder)
    path = f"/hooks/{origin.name}"
    if section.auth is not None and section.auth.kind == "path":
        path = f"{path}/{known(first_secret(section.auth))}"
    prove = partial(_prove, section.auth, known)
    prove(b"", "id")  # whether all that it takes is at hand
    url, timeout_ms = Url.parse(f"{settings.ran_at}{path}"), side(section.kind).timeout_ms
    return Sender(origin.name, section.kind, origin.registries[0], url, timeout_ms, prove)


def _prove(auth: Auth | None, known: partial[str], body: bytes, message_id: str) -> Mapping[str, str]:
    return proven(auth, known, body, message_id, int(time.time()))


def _print_step(step: Step) -> None:
    click.echo(f"{_MARKS[step.ok]:<10}{step.step:<9}{printable(step.detail)}")
    if step.advice:
        click.echo(f"{'':<19}{printable(step.advice)}")


def _print_known(found: OriginFacts) -> None:
    from app.cli.tables import When, print_facts

    newest = found.newest
    click.echo()
    print_facts(
        [
            ("last heard", When(found.heard_ns) if found.heard_ns is not None else "never"),
            ("last event", When(newest.time_ns) if newest else None),
            ("lag", _span(newest.lag_ns) if newest else None),
            ("clock ahead", _span(newest.ahead_ns) if newest and newest.ahead_ns else None),
            ("never gives", newest.never if newest and newest.never else None),
            ("repeats", found.repeats or None),
            ("ignored", found.ignored or None),
            ("quarantined", found.quarantined or None),
            ("gaps", found.gaps or None),
        ]
    )


def _span(span_ns: int | None) -> str | None:
    return None if span_ns is None else f"{span_ns / 1e9:.3f} s"

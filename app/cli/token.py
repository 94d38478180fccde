"""`tagtrail token`: who may ask, over the API and the pages."""

import time
from collections.abc import Sequence

import click

from app.cli.asking import as_json as json_option
from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json, print_table
from app.domain.access import EVERYTHING, AccessScope, InvalidScopeError, Role
from app.domain.plain import plain
from app.domain.text import printable
from app.domain.times import parse_duration
from app.settings.operator import operator
from app.settings.values import check_name
from app.store import tokens as stored
from app.store.tokens import Token
from app.usecases import tokens
from app.usecases.tokens import NewToken


@click.group()
def token() -> None:
    """Secrets with which programs and people ask over the API and the pages."""


def _name(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    try:
        return check_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _scope(_ctx: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> AccessScope:
    try:
        return AccessScope.parse(texts) if texts else EVERYTHING
    except InvalidScopeError as error:
        raise click.BadParameter(printable(str(error))) from None


def _lasting(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(printable(str(error))) from None


@token.command()
@click.argument("name", callback=_name)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it is for.")
@click.option(
    "--scope", multiple=True, callback=_scope, metavar="REGISTRY/REPOSITORY",
    help="What it may see: * is one part of a name, ** any number. May be given several times; default: everything.",
)
@click.option("--expires", "lasts_ns", callback=_lasting, metavar="SPAN", help="For example 90d; default: never.")
@pass_context
def add(context: Context, name: str, role: str, scope: AccessScope, lasts_ns: int | None) -> None:
    """Make a token NAME and print its secret, which is shown this once and kept nowhere."""
    with asking(context):
        pass  # there is a database to write to
    secret = tokens.issue(context.engine, NewToken(name, Role(role), scope, lasts_ns), operator())
    click.echo("shown this once; give it as Authorization: Bearer, or sign in with it:", err=True)
    click.echo(secret)


@token.command(name="list")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """All tokens there ever were, without their secrets."""
    with asking(context) as connection:
        found = stored.every(connection)
    if as_json:
        print_json([plain(one) | {"scope": None if one.scope.globs is None else _shown(one)} for one in found])
        return
    now_ns = time.time_ns()
    print_table([
        {
            "name": one.name, "role": one.role.value, "scope": _shown(one), "state": _state(one, now_ns),
            "made": When(one.made_ns), "expires": _when(one.expires_ns), "last used": _when(one.last_used_ns),
        }
        for one in found
    ])


def _shown(one: Token) -> list[str] | str:
    return "everything" if one.scope.globs is None else [str(glob) for glob in one.scope.globs]


def _state(one: Token, now_ns: int) -> str:
    if one.revoked_ns is not None:
        return "revoked"
    return "works" if one.works(now_ns) else "expired"


def _when(time_ns: int | None) -> When | None:
    return None if time_ns is None else When(time_ns)


@token.command()
@click.argument("name")
@pass_context
def revoke(context: Context, name: str) -> None:
    """Let the token NAME open nothing any more, from now on and for ever."""
    with asking(context):
        pass  # there is a database to write to
    tokens.revoke(context.engine, name, operator())

"""`tagtrail who`: all that is known of one digest."""

import click

from app.cli.asking import KNOWN_AT, NothingKnownError, as_json, asking
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts, print_json, print_table
from app.domain.access import EVERYTHING
from app.domain.digests import beginning, is_digest
from app.store.engine import Connection
from app.store.queries import digests
from app.store.queries.digests import DigestStory
from app.store.queries.events import EventLine
from app.store.queries.periods import Period

MOST = 1000
_SHOWN = 5


@click.command()
@click.argument("digest")
@KNOWN_AT
@as_json
@pass_context
def who(context: Context, digest: str, known_ns: int | None, as_json: bool) -> None:
    """Who pushed DIGEST, and which tags point to it or ever did. The first six characters of a sha256 may do."""
    with asking(context) as connection:
        found = digests.story(connection, EVERYTHING, _whole(connection, digest.strip()), MOST, known_ns)
    if found is None:
        raise NothingKnownError("nobody has told of this digest")
    if as_json:
        print_json(found)
    else:
        _show(found)


def _whole(connection: Connection, text: str) -> str:
    if is_digest(text):
        return text
    quoted = beginning(text)
    if quoted is None:
        raise click.UsageError("write a digest, or at least six hex characters of the beginning of a sha256 digest")
    found = digests.starting_with(connection, EVERYTHING, f"sha256:{quoted}", _SHOWN + 1)
    if not found:
        raise NothingKnownError(f"nobody has told of a digest that begins with {quoted}")
    if len(found) > 1:
        shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise click.UsageError(f"several digests begin with {quoted}: {shown}")
    return found[0]


def _show(found: DigestStory) -> None:
    first = found.first_push
    print_facts([("digest", found.digest)])
    if first is not None:
        where = f"{first.registry}/{first.repository}" + (f":{first.tag}" if first.tag else "")
        print_facts([
            ("first pushed", When(first.time_ns)), ("by", first.actor or "unnamed"), ("to", where),
            ("from", first.request_addr), ("with", first.user_agent), ("media type", first.media_type),
        ])
    if found.pushes.items:
        click.echo("\nPushes")
        print_table([
            {"time": When(push.time_ns), "who": push.actor, **_place(push), "from": push.request_addr}
            for push in found.pushes.items
        ])
    elsewhere = {(push.registry, push.repository) for push in found.pushes.items}
    silent = [place for place in found.repositories if (place.registry, place.repository) not in elsewhere]
    if silent:
        click.echo("\nAlso in")
        print_table([{"registry": place.registry, "repository": place.repository} for place in silent])
    if found.periods.items:
        click.echo("\nTags")
        print_table([
            {"since": When(one.since_ns), "until": _end(one), **_place(one), "who": one.actor}
            for one in found.periods.items
        ])


def _place(line: EventLine | Period) -> dict[str, object]:
    return {"registry": line.registry, "repository": line.repository, "tag": line.tag}


def _end(period: Period) -> When | str:
    return "now" if period.until_ns is None else When(period.until_ns)

"""`tagtrail history`: where tags pointed, when, and who moved them."""

import click

from app.cli.asking import KNOWN_AT, MOMENT, REFERENCE, NothingKnownError, Output, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts
from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.domain.names import Reference, is_pattern
from app.domain.text import printable
from app.domain.times import rfc3339_nano
from app.store.queries import history as queries
from app.store.queries import moments
from app.store.queries.changes import ChangeLine, Moment
from app.store.queries.conditions import registries_with
from app.store.queries.history import HistoryFilter
from app.store.queries.moments import MomentFilter


@click.command()
@click.argument("reference", type=REFERENCE, metavar="[REGISTRY/]REPOSITORY[:TAG][@DIGEST]")
@click.option("--at", "at_ns", type=MOMENT, help="Only where the tag pointed then: 2026-03-01T09:00:00Z, or 2h back.")
@KNOWN_AT
@click.option("--all", "void", is_flag=True, help="Also lines that a late event has made void.")
@listing
@pass_context
def history(context: Context, /, reference: Reference, output: Output, void: bool, **moment: int | None) -> None:
    """What a tag, or every tag of a repository, has pointed to; newest first.

    Repository and tag may be patterns, such as 'shop/*' or 'shop/web:v1.*': that asks all registries, unless one is
    named.
    """
    at_ns, known_ns = moment["at_ns"], moment["known_ns"]
    registry, repository, tag = named_registry(context, reference), reference.repository, reference.tag
    if at_ns is None:
        digest = str(reference.digest) if reference.digest else None
        asked = HistoryFilter(registry, repository, tag, digest, void=void, known_ns=known_ns)
        output.show(context, queries.page, asked, _row, "no such history is known")
        return
    if reference.digest is not None:
        raise click.UsageError("--at takes no digest: write REPOSITORY[:TAG] --at TIME")
    then = MomentFilter(at_ns, registry, repository, tag, known_ns)
    if registry is None or tag is None or is_pattern(repository) or is_pattern(tag):
        output.show(context, moments.page, then, _moment_row, "no such history is known")
    else:
        _show_moment(context, TagKey(registry, repository, tag), then, output)


def named_registry(context: Context, reference: Reference) -> str | None:
    """The registry that is meant; None: all."""
    named = context.settings.registry_named(reference.registry)
    if named is not None or is_pattern(reference.repository):
        return named
    return _only_registry(context, reference.repository)


def _only_registry(context: Context, repository: str) -> str:
    with asking(context) as connection:
        found = registries_with(connection, EVERYTHING, repository)
    if not found:
        raise NothingKnownError(f"no registry has told of {repository}")
    if len(found) > 1:
        names = ", ".join(f"{printable(name)}/{repository}" for name in found)
        raise click.UsageError(f"several registries have {repository}; name one: {names}")
    return found[0]


def _row(line: ChangeLine) -> dict[str, object]:
    return {
        "time": When(line.time_ns), "kind": line.kind, "tag": line.tag, "before": line.before, "after": line.after,
        "who": line.actor, "from": line.request_addr, "origin": line.origin, "known": line.provenance,
    }


def _moment_row(found: Moment) -> dict[str, object]:
    change, until_ns = found.change, found.until_ns
    if change is None:
        first = None if until_ns is None else rfc3339_nano(until_ns)
        return _moment_cells(found, f"not known before {first}", None, None)
    until: object = "still" if until_ns is None else When(until_ns)
    return _moment_cells(found, found.digest or found.state, When(change.time_ns), until)


def _moment_cells(found: Moment, points_to: str, since: object, until: object) -> dict[str, object]:
    change = found.change
    return {
        "registry": found.registry, "repository": found.repository, "tag": found.tag,
        "points_to": points_to, "since": since, "until": until,
        "who": change and change.actor, "origin": change and change.origin,
    }


def _show_moment(context: Context, key: TagKey, asked: MomentFilter, output: Output) -> None:
    with asking(context) as connection:
        found = moments.one(connection, EVERYTHING, key, asked)
    if found is None:
        raise NothingKnownError("this tag has no history" if asked.known_ns is None else "nobody knew this tag then")
    if output.form is None:
        print_facts(_facts(found))
    else:
        output.show_one(found)


def _facts(found: Moment) -> list[tuple[str, str | When | None]]:
    change = found.change
    if change is None:
        first = When(found.until_ns) if found.until_ns is not None else None
        return [("at", When(found.at_ns)), ("points to", "not known"), ("not known before", first)]
    return [
        ("at", When(found.at_ns)),
        ("points to", found.digest or "absent"),
        ("since", When(change.time_ns)),
        ("until", "still" if found.until_ns is None else When(found.until_ns)),
        ("by", change.actor or "unnamed"),
        ("origin", change.origin),
        ("before that", change.before),
        ("ambiguous", "yes: that instant told of two digests" if found.ambiguous else None),
    ]

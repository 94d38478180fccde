"""`tagtrail history`: where tags pointed, when, and who moved them."""

import click

from app.cli.asking import MOMENT, REFERENCE, NothingKnownError, ask, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts, print_json, print_table
from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.domain.names import Reference
from app.domain.text import printable
from app.store.queries import changes
from app.store.queries.changes import ChangeFilter, ChangeLine, Moment
from app.store.queries.conditions import registries_with


@click.command()
@click.argument("reference", type=REFERENCE, metavar="[REGISTRY/]REPOSITORY[:TAG][@DIGEST]")
@click.option("--at", "at_ns", type=MOMENT, help="Only where the tag pointed then: 2026-03-01T09:00:00Z, or 2h back.")
@click.option("--all", "void", is_flag=True, help="Also lines that a late event has made void.")
@listing
@pass_context
def history(context: Context, /, reference: Reference, at_ns: int | None, **options: bool) -> None:
    """What a tag, or every tag of a repository, has pointed to; newest first."""
    if at_ns is not None and (reference.tag is None or reference.digest is not None):
        raise click.UsageError("--at needs a tag and no digest: REPOSITORY:TAG --at TIME")
    registry = context.settings.registry_named(reference.registry) or _only_registry(context, reference.repository)
    if at_ns is not None and reference.tag is not None:
        _show_moment(context, TagKey(registry, reference.repository, reference.tag), at_ns, as_json=options["as_json"])
        return
    digest = str(reference.digest) if reference.digest else None
    asked = ChangeFilter(registry, reference.repository, reference.tag, digest, void=options["void"])
    lines = ask(context, changes.page, asked, options["limit"]).items
    if not lines and not options["as_json"]:
        raise NothingKnownError("no such history is known")
    if options["as_json"]:
        print_json(lines)
    else:
        _show_lines(lines)


def _only_registry(context: Context, repository: str) -> str:
    with asking(context) as connection:
        found = registries_with(connection, EVERYTHING, repository)
    if not found:
        raise NothingKnownError(f"no registry has told of {repository}")
    if len(found) > 1:
        names = ", ".join(f"{printable(name)}/{repository}" for name in found)
        raise click.UsageError(f"several registries have {repository}; name one: {names}")
    return found[0]


def _show_lines(lines: tuple[ChangeLine, ...]) -> None:
    print_table([
        {
            "time": When(line.time_ns), "kind": line.kind, "tag": line.tag, "before": line.before, "after": line.after,
            "who": line.actor, "from": line.request_addr, "origin": line.origin, "known": line.provenance,
        }
        for line in lines
    ])


def _show_moment(context: Context, key: TagKey, at_ns: int, *, as_json: bool) -> None:
    with asking(context) as connection:
        found = changes.at(connection, EVERYTHING, key, at_ns)
    if found is None:
        raise NothingKnownError("this tag has no history")
    if as_json:
        print_json(found)
    else:
        print_facts(_facts(found))


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

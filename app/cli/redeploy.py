"""`tagtrail redeploy`: the way back to an earlier digest."""

import click

from app.cli.asking import MOMENT, REFERENCE, as_json, asking, only_registry
from app.cli.context import Context, pass_context
from app.cli.tables import print_facts, print_json, print_table
from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.domain.digests import Digest
from app.domain.errors import TagtrailError
from app.domain.names import Reference, is_pattern
from app.domain.text import printable
from app.settings.operator import operator
from app.usecases.redeploy import Plan, Wanted, ask, plan


def _digest(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    try:
        return None if text is None else str(Digest.parse(text))
    except TagtrailError as error:
        raise click.BadParameter(printable(str(error))) from None


@click.command()
@click.argument("reference", type=REFERENCE, metavar="[REGISTRY/]REPOSITORY:TAG")
@click.option("--as-of", "at_ns", type=MOMENT, help="What the tag pointed to then: 2026-03-01T09:00:00Z, or 2h back.")
@click.option("--digest", callback=_digest, help="This digest, which its repository must have had.")
@click.option("--trigger", metavar="NAME", help="Only this one of the triggers that its rules name.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent where, and send nothing.")
@as_json
@pass_context
def redeploy(
    context: Context, /, reference: Reference, dry_run: bool, as_json: bool, **which: str | int | None
) -> None:
    """Send an earlier digest of a tag to the triggers of the rules that match it.

    Nothing in the registry changes, and the tag's next move is deployed as ever: pause its rule first to prevent that.
    """
    wanted = _wanted(context, reference, which)
    with asking(context) as connection:
        planned = plan(connection, EVERYTHING, context.settings.rules, wanted)
    if not dry_run:
        planned = ask(context.engine, EVERYTHING, context.settings.rules, wanted, operator())
    if as_json:
        print_json(planned)
    else:
        _show(planned, dry_run)


def _wanted(context: Context, reference: Reference, which: dict[str, str | int | None]) -> Wanted:
    """Raises UsageError."""
    digest, at_ns, trigger = which["digest"], which["at_ns"], which["trigger"]
    if reference.tag is None or is_pattern(reference.repository + reference.tag):
        raise click.UsageError("name one tag: [REGISTRY/]REPOSITORY:TAG")
    if (digest is None) == (at_ns is None) or reference.digest is not None:
        raise click.UsageError("give either --as-of TIME or --digest DIGEST")
    registry = context.settings.registry_named(reference.registry)
    registry = only_registry(context, reference.repository) if registry is None else registry
    key = TagKey(registry, reference.repository, reference.tag)
    return Wanted(key, _text(digest), at_ns if isinstance(at_ns, int) else None, _text(trigger))


def _text(value: str | int | None) -> str | None:
    return value if isinstance(value, str) else None


def _show(planned: Plan, dry_run: bool) -> None:
    print_facts([
        ("tag", f"{planned.registry}/{planned.repository}:{planned.tag}"), ("points to", planned.before),
        ("sent" if not dry_run else "would send", planned.digest),
    ])
    print_table([
        {"to": one.destination, "rule": one.rule} | ({} if dry_run else {"delivery": one.id}) for one in planned.sends
    ])

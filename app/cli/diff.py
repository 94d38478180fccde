"""`tagtrail diff`: what changed between two moments."""

import time

import click

from app.cli.asking import KNOWN_AT, MOMENT, REFERENCE, Output, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When
from app.domain.names import Reference
from app.store.queries import diff as queries
from app.store.queries.diff import Difference, DiffFilter


@click.command()
@click.argument("reference", type=REFERENCE, required=False, metavar="[[REGISTRY/]REPOSITORY[:TAG]]")
@click.option("--since", "since_ns", type=MOMENT, required=True, help="The first moment: 2026-03-01, or 7d back.")
@click.option("--until", "until_ns", type=MOMENT, help="The second one.  [default: now]")
@KNOWN_AT
@listing
@pass_context
def diff(
    context: Context, /, reference: Reference | None, output: Output, since_ns: int, **moment: int | None
) -> None:
    """List the tags that pointed elsewhere at the second moment than at the first; what changed last first.

    Repository and tag may be patterns, such as 'shop/*:v1.*'.
    """
    if reference is not None and reference.digest is not None:
        raise click.UsageError("give a repository and a tag, no digest")
    until_ns = time.time_ns() if moment["until_ns"] is None else moment["until_ns"]
    registry = context.settings.registry_named(reference.registry) if reference else None
    repository, tag = (reference.repository, reference.tag) if reference else (None, None)
    asked = DiffFilter(since_ns, until_ns, registry, repository, tag, moment["known_ns"])
    output.show(context, queries.page, asked, _row)


def _row(found: Difference) -> dict[str, object]:
    return {
        "registry": found.registry, "repository": found.repository, "tag": found.tag, "then": found.before,
        "now": found.after, "changed": When(found.time_ns), "who": found.actor, "origin": found.origin,
    }

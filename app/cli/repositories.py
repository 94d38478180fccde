"""`tagtrail repositories`: which there are, and since when."""

from typing import Any

import click

from app.cli.asking import KNOWN_AT, MOMENT, Output, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When
from app.store.queries import repositories as queries
from app.store.queries.repositories import RepositoryFilter, RepositoryLine


@click.command()
@click.argument("repository", required=False)
@click.option("--registry")
@click.option("--first-seen-since", "first_seen_since_ns", type=MOMENT, help="From then on: 2026-03-01, or 7d back.")
@click.option("--first-seen-until", "first_seen_until_ns", type=MOMENT, help="Up to this moment, without it.")
@KNOWN_AT
@listing
@pass_context
def repositories(context: Context, /, output: Output, **asked: Any) -> None:
    """List repositories, or those that REPOSITORY names or matches ('shop/*'); the one first seen last first."""
    output.show(context, queries.page, RepositoryFilter(**asked), _row)


def _row(line: RepositoryLine) -> dict[str, object]:
    return {
        "first_seen": When(line.first_seen_ns), "registry": line.registry, "repository": line.repository,
        "by": line.action, "who": line.actor, "from": line.request_addr, "origin": line.origin,
    }

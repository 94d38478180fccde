"""`tagtrail activity`: everything that somebody did."""

from typing import Any

import click

from app.cli.asking import KNOWN_AT, Output, in_time, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When
from app.store.queries import activity as queries
from app.store.queries.activity import Deed
from app.store.queries.events import EventFilter


@click.command()
@click.argument("actor")
@click.option("--registry")
@click.option("--repository", help="Its name, or a pattern such as 'shop/*'.")
@click.option("--action", help="push, pull, mount, delete or observe.")
@in_time
@KNOWN_AT
@listing
@pass_context
def activity(context: Context, /, output: Output, **asked: Any) -> None:
    """List everything that ACTOR did, and what it changed; newest first."""
    output.show(context, queries.page, EventFilter(**asked), _row)


def _row(deed: Deed) -> dict[str, object]:
    return {
        "time": When(deed.time_ns), "action": deed.action, "registry": deed.registry, "repository": deed.repository,
        "tag": deed.tag, "digest": deed.digest, "made": [f"{one.kind} {one.tag}" for one in deed.outcome] or None,
        "from": deed.request_addr, "origin": deed.origin,
    }

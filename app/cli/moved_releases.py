"""`tagtrail moved-releases`: tags that look like releases and did not keep their content."""

from typing import Any

import click

from app.cli.asking import KNOWN_AT, REFERENCE, Output, in_time, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When
from app.domain.names import Reference
from app.store.queries import history
from app.store.queries.changes import ChangeLine
from app.store.queries.history import HistoryFilter


@click.command()
@click.argument("reference", type=REFERENCE, required=False, metavar="[[REGISTRY/]REPOSITORY[:TAG]]")
@click.option("--actor", help="Who moved them.")
@in_time
@KNOWN_AT
@listing
@pass_context
def moved_releases(context: Context, /, reference: Reference | None, output: Output, **asked: Any) -> None:
    """List when a tag such as v1.2.3 came to point to another digest than it had; newest first.

    Also where it was removed in between. Repository and tag may be patterns, such as 'shop/*'.
    """
    if reference is not None:
        asked |= {
            "registry": context.settings.registry_named(reference.registry), "repository": reference.repository,
            "tag": reference.tag, "digest": str(reference.digest) if reference.digest else None,
        }
    output.show(context, history.page, HistoryFilter(**asked, moved_releases=True), _row)


def _row(line: ChangeLine) -> dict[str, object]:
    return {
        "time": When(line.time_ns), "kind": line.kind, "registry": line.registry, "repository": line.repository,
        "tag": line.tag, "before": line.before, "after": line.after, "who": line.actor, "from": line.request_addr,
    }

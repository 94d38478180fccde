"""`tagtrail pulls`: what was pulled, from where, and by which digest."""

from typing import Any

import click

from app.cli.asking import KNOWN_AT, Output, asking, in_time, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When
from app.domain.times import rfc3339
from app.store import retention
from app.store.queries import pulls as queries
from app.store.queries.pulls import PullFilter, PullLine


@click.command()
@click.option("--registry")
@click.option("--repository", help="Its name, or a pattern such as 'shop/*'.")
@click.option("--tag", help="Its name, or a pattern such as 'v1.*'.")
@click.option("--digest")
@click.option("--actor", help="Who pulled.")
@click.option("--stale", is_flag=True, help="Only what a tag pointed to once, and none does now.")
@in_time
@KNOWN_AT
@listing
@pass_context
def pulls(context: Context, /, output: Output, **asked: Any) -> None:
    """List pulls, newest first."""
    if asked["stale"] and asked["known_ns"] is not None:
        raise click.UsageError("what is stale is so now; leave either --stale or --known-at out")
    output.show(context, queries.page, PullFilter(**asked), _row)
    with asking(context) as connection:
        since_ns = retention.kept_since(connection, "pull")
    if since_ns is not None:
        since = rfc3339(since_ns, 0)
        click.echo(f"(pulls are complete since {since}; `tagtrail archive list` has older ones)", err=True)


def _row(line: PullLine) -> dict[str, object]:
    return {
        "time": When(line.time_ns), "registry": line.registry, "repository": line.repository, "tag": line.tag,
        "digest": line.digest, "who": line.actor, "from": line.request_addr, "with": line.user_agent,
    }

"""`tagtrail archive`: events that were taken out of the database, into files."""

from pathlib import Path

import click

from app.bootstrap import make_keeping
from app.cli.asking import as_json, asking
from app.cli.context import Context, pass_context
from app.cli.tables import print_json, print_table
from app.domain.plain import plain
from app.settings import ConfigurationError, load
from app.settings.operator import operator
from app.store import retention
from app.usecases import retain
from app.usecases.retain import Keeping


@click.group()
def archive() -> None:
    """Events that reach no tag and were kept long enough: pulls for 90 days unless `keep:` says otherwise.

    The relay takes them out each hour.
    """


@archive.command(name="list")
@as_json
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """Every cut that was made, the oldest first."""
    with asking(context) as connection:
        found = retention.cuts(connection)
    rows = [
        {"archive": one.archive, "action": one.action, "rows": len(one.seqs), "sha256": one.sha256, "key": one.key}
        for one in found
    ]
    if as_json:
        print_json([plain(row) for row in rows])
    else:
        print_table(rows)


@archive.command()
@click.option("--dry-run", is_flag=True, help="Say how many rows would go, and take none.")
@pass_context
def cut(context: Context, dry_run: bool) -> None:
    """Take out now what `keep:` no longer keeps."""
    with asking(context):
        pass  # there is a database to cut
    keeping = _keeping()
    if dry_run:
        click.echo(f"{retain.due(context.engine, keeping)} events would go")
        return
    made = retain.cut(context.engine, keeping, operator())
    for one in made:
        click.echo(f"{keeping.folder / one.archive}: {len(one.seqs)} events")
    click.echo(f"{sum(len(one.seqs) for one in made)} events were taken out", err=True)


def _keeping() -> Keeping:
    keeping = make_keeping(load())
    if keeping is None:
        raise ConfigurationError("everything is kept for ever: keep: says how long events stay, such as {pull: 90d}")
    return keeping


@archive.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_context
def import_(context: Context, files: tuple[Path, ...]) -> None:
    """Put back what FILES hold, each row where it was; it stays a week at least, and starts nothing."""
    with asking(context):
        pass  # there is a database to fill
    for file in files:
        click.echo(f"{file}: {retain.put_back(context.engine, file, operator())} events")

"""`tagtrail backup` and `tagtrail restore`: everything in one file, and back."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from app.bootstrap import audit_engine, journal_engine
from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.settings import Settings
from app.settings.operator import operator
from app.store.actions import Action
from app.store.engine import Engine
from app.usecases import backup as backups
from app.usecases.backup import AUDIT, JOURNAL
from app.usecases.note_action import note_action


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_context
def backup(context: Context, file: Path) -> None:
    """Write the databases, the origins with their secrets and the keys to FILE, while everything runs.

    FILE holds secrets: only its owner may read it. The content of Tagtrail's own registry (DATA/registry) is not in it.
    """
    if file.exists():
        raise click.ClickException(f"{file} is there already; choose another name, or remove it")
    with asking(context):
        pass  # there is something to keep
    with _databases(context.settings) as databases:
        done = backups.backup(databases, context.settings.data, file, time.time_ns(), _progress)
        note_action(databases[AUDIT], Action(operator(), "backup.make", file.name))
    click.echo(f"{file}: {done.rows} rows, {file.stat().st_size} bytes; restore it with: tagtrail restore {file}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_context
def restore(context: Context, file: Path) -> None:
    """Put what FILE holds into --data and into the databases, all of which must be empty.

    The databases may be of another kind than those that were packed.
    """
    context.settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _databases(context.settings) as databases:
        done = backups.restore(file, databases, context.settings.data, _progress)
        note_action(databases[AUDIT], Action(operator(), "backup.restore", file.name, {"made": done.made}))
    click.echo(f"restored {done.rows} rows as of {done.made}; start with: tagtrail up")


@contextmanager
def _databases(settings: Settings) -> Iterator[Mapping[str, Engine]]:
    """The audit log's database, and the journal's if that is another."""
    engines = {AUDIT: audit_engine(settings)}
    if settings.journal_url != settings.database_url:
        engines[JOURNAL] = journal_engine(settings)
    try:
        yield engines
    finally:
        for engine in engines.values():
            engine.dispose()


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{table}: {rows} rows", nl=False, err=True)

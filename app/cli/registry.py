"""`tagtrail registry`: what our own registry stores."""

import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from app.bootstrap.registry import serve_registry
from app.cli.asking import as_json, asking
from app.cli.context import Context, pass_context
from app.cli.progress import Progress
from app.cli.serve_registry import check_file, prepare_journal, serve
from app.cli.tables import print_json, print_table, with_progress
from app.domain.names import Reference
from app.domain.registry_events import Cause
from app.domain.times import SECOND_NS, parse_duration
from app.queue.jobs import SilentBell
from app.registry.collect import Asked, Collected
from app.registry.errors import RegistryError
from app.registry.notify import Listener, Silent
from app.registry.registry import Registry
from app.settings import Settings
from app.settings.alone import CONFIG, INSECURE, load_alone
from app.settings.operator import operator
from app.store.actions import Action
from app.usecases.note_action import note_action


@click.group()
def registry() -> None:
    """Serve a registry alone, delete from one, and take away what nothing refers to any more."""


registry.add_command(serve)
registry.add_command(check_file)


_alone = click.argument("alone", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path))


def _age(_context: click.Context, _option: click.Parameter, text: str) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text) / SECOND_NS)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@registry.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and take nothing.")
@click.option("--untagged", is_flag=True, help="Manifests too that no tag leads to, nor an index, nor their subject.")
@click.option("--grace", default="24h", show_default=True, callback=_age, help="What is younger stays.")
@_alone
@as_json
@pass_context
def gc(context: Context, /, alone: Path | None, as_json: bool, **asked: Any) -> None:
    """Take away what nothing refers to any more, while the registry is in use.

    Links to blobs that no manifest of their repository names, and content to which no repository links.
    Of a registry that is served alone where its CONFIG.yml is given.
    """
    opened, dry_run = _opened(context, alone), asked["dry_run"]
    with closing(Progress()) as progress:
        collecting = opened.stored.collect(Asked(asked["untagged"], asked["grace"], dry_run), opened.listener, progress)
        taken = list(with_progress(collecting))
    if not dry_run:
        done = {"taken": len(taken), "bytes": _freed(taken)}
        opened.note(Action(operator(), "registry.gc", "registry", done))
    if as_json:
        print_json(taken)
        return
    print_table([_row(one) for one in taken])
    verb = "would be" if dry_run else "were"
    click.echo(f"{len(taken)} things {verb} taken away, {_freed(taken)} bytes", err=True)


@registry.command()
@click.argument("reference")
@click.option("--dry-run", is_flag=True, help="Say what would go, and delete nothing.")
@click.option("--yes", is_flag=True, help="Don't ask before a whole repository goes.")
@_alone
@pass_context
def delete(context: Context, alone: Path | None, reference: str, dry_run: bool, yes: bool) -> None:
    """Delete REPOSITORY:TAG, REPOSITORY@DIGEST with its tags, or all of REPOSITORY.

    Of a registry that is served alone where its CONFIG.yml is given. The space is freed by: tagtrail registry gc
    """
    named = Reference.parse(reference)
    opened = _opened(context, alone)
    stored, listener = opened.stored, opened.listener
    try:
        _require(stored, named)
        if dry_run:
            click.echo(f"{reference} would be deleted")
            return
        if named.tag is None and named.digest is None and not yes:
            click.confirm(f"Delete {named.repository} with all its tags?", abort=True)
        _delete(stored, named, listener)
    except RegistryError as error:
        raise click.ClickException(f"{reference}: {error.code.message}") from None
    opened.note(Action(operator(), "registry.delete", reference))
    click.echo(f"{reference} is deleted")


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is stored, who writes to the journal what happens to it, and who writes down that somebody did it."""

    stored: Registry
    listener: Listener
    note: Callable[[Action], None]


def _opened(context: Context, alone: Path | None) -> _Opened:
    if alone is not None:
        settings = load_alone({**os.environ, CONFIG: str(alone), INSECURE: "nothing is served"}).settings
        if not (settings.data / "locks").is_dir():
            raise click.ClickException(
                f"{settings.data} is not the --data of a registry that is served: who writes to it could not be waited "
                "for; name the --data of its `tagtrail registry serve`"
            )
        prepare_journal(settings)
        return _Opened(*_recorded(settings), lambda _: None)  # there is no log of actions, only the journal
    with asking(context):
        pass  # there is somewhere to keep the journal
    return _Opened(*_recorded(context.settings), lambda action: note_action(context.engine, action))


def _recorded(settings: Settings) -> tuple[Registry, Listener]:
    if settings.registry.storage.inmemory is not None:
        raise click.ClickException("what is stored in memory is only seen by the process that serves it")
    served = serve_registry(settings, SilentBell())
    cause = Cause(
        request_id=str(uuid.uuid4()), addr="", host="", method="DELETE", user_agent="tagtrail registry", base_url="",
        node=socket.gethostname(), instance=str(uuid.uuid4()), actor=operator(),
    )  # fmt: skip
    return served.registry, Silent() if served.recorder is None else served.recorder.listener(cause)


def _require(stored: Registry, named: Reference) -> None:
    if named.tag is None and named.digest is None:
        stored.tags(named.repository, "", 1)
    else:
        stored.manifest(named.repository, named.digest or named.tag or "")


def _delete(stored: Registry, named: Reference, listener: Listener) -> None:
    if named.digest is not None:
        stored.delete_manifest(named.repository, named.digest, listener)
    elif named.tag is not None:
        stored.delete_tag(named.repository, named.tag, listener)
    else:
        stored.delete_repository(named.repository, listener)


def _freed(taken: Sequence[Collected]) -> int:
    return sum(one.size for one in taken)


def _row(one: Collected) -> Mapping[str, object]:
    return {"what": one.kind, "repository": one.repository, "digest": one.digest or None, "bytes": one.size or None}

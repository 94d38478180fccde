"""`tagtrail audit`: whether what was written down is still what it was."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from app.cli.asking import Output, as_json, asking, in_time, listing
from app.cli.context import Context, pass_context
from app.cli.progress import Progress
from app.cli.recorded import make_key
from app.cli.tables import When, print_json
from app.domain.checkpoints import Checkpoint, PublicKey, read_checkpoints, without_repeats
from app.domain.plain import plain
from app.settings import ConfigurationError
from app.settings.keys import signing_key, trusted_keys
from app.settings.operator import operator
from app.store.queries import actions as queries
from app.store.queries.actions import ActionFilter, ActionLine
from app.usecases import checkpoint as checkpoints
from app.usecases.rebuild import Rebuilt
from app.usecases.rebuild import rebuild as rebuild_history
from app.usecases.verify import Trust, Verdict
from app.usecases.verify import verify as verify_all

CONSISTENT = (
    "No checkpoint was given: this shows that the database agrees with itself, not that nobody wrote all of it anew "
    "or cut its end. `tagtrail audit checkpoint` makes one; keep it elsewhere."
)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _PublicKey(click.ParamType[PublicKey]):
    name = "key"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> PublicKey:
        try:
            path = Path(str(value))
            return PublicKey.parse(path.read_text(encoding="utf-8") if path.is_file() else str(value))
        except (ValueError, OSError) as error:
            self.fail(str(error), param, ctx)


PUBLIC_KEY = _PublicKey()


@click.group()
def audit() -> None:
    """Whether the log of events and actions, and the history made of it, are what they were."""


@audit.command()
@click.option("--since-seq", type=click.IntRange(0), metavar="N", help="Take what came up to this seq for true.")
@click.option("--checkpoint", "files", multiple=True, type=FILE, help="What was signed earlier; may be given often.")
@click.option(
    "--public", multiple=True, type=PUBLIC_KEY,
    help="Whose signatures count: a key or its file; may be given often.  [default: of DATA, and audit.keys]",
)
@as_json
@pass_context
def verify(
    context: Context, since_seq: int | None, files: tuple[Path, ...], public: tuple[PublicKey, ...], as_json: bool
) -> None:
    """Walk the chain, fold history again, and name the first row that was changed, removed or added.

    The status is 1 if there is one.
    """
    with asking(context):
        pass  # there is a database to ask
    keys = public or trusted_keys(context.settings)
    if files and not keys:
        signing_key(context.settings)  # says how to make one
    signed = _read(files, keys) if files else []
    with closing(Progress()) as progress:
        verdict = verify_all(context.engine, progress, since_seq, Trust(signed, keys))
    if as_json:
        print_json(plain(verdict) | {"proves": "agreement with checkpoints" if signed else "internal consistency"})
    else:
        _tell(verdict, since_seq)
    sys.exit(bool(verdict.findings))


def _read(files: Sequence[Path], keys: Sequence[PublicKey]) -> list[Checkpoint]:
    return without_repeats(
        checkpoint for file in files for checkpoint in read_checkpoints(file.read_text(encoding="utf-8"), *keys)
    )


def _tell(verdict: Verdict, since_seq: int | None) -> None:
    for finding in verdict.findings:
        click.echo(f"FOUND  {finding}")
    if since_seq is not None:
        click.echo(f"Taken for true: everything up to seq {since_seq}.")
    if verdict.before:
        click.echo(f"{verdict.before} rows are older than the chain, which begins at seq {verdict.first}.")
    if verdict.findings:
        return
    if verdict.last < verdict.first:
        click.echo("Nothing was written down behind that yet." if since_seq is not None else "There is no chain yet.")
    else:
        click.echo(f"The chain from seq {verdict.first} to {verdict.last} is whole: {verdict.chain}")
    click.echo(f"The history of {verdict.repositories} repositories is what its events give.")
    if verdict.checkpoints:
        click.echo(f"It agrees with {verdict.checkpoints} checkpoints.")
    else:
        click.echo(CONSISTENT)


@audit.command()
@pass_context
def key(context: Context) -> None:
    """Print the public half of the key that signs checkpoints and cuts; made now if no start has made it.

    Keep the public half elsewhere: it is what `verify-checkpoint` needs.
    """
    make_key(context.settings)
    click.echo(str(signing_key(context.settings).public))


@audit.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Append it to this file.")
@pass_context
def checkpoint(context: Context, out: Path | None) -> None:
    """Sign how far the chain has come: one line of JSON, to be kept elsewhere."""
    with asking(context):
        pass  # there is a database to ask
    line = checkpoints.sign(context.engine, signing_key(context.settings)).line
    if out is None:
        click.echo(line)
    else:
        checkpoints.append(out, line)


@audit.command("verify-checkpoint")
@click.argument("file", type=FILE)
@click.option(
    "--public", required=True, multiple=True, type=PUBLIC_KEY,
    help="Whose signatures count: a key or its file; may be given often.",
)
def verify_checkpoint(file: Path, public: tuple[PublicKey, ...]) -> None:
    """Check the signatures in FILE and that the chain only ever grew; asks no database."""
    found = read_checkpoints(file.read_text(encoding="utf-8"), *public)
    if not found:
        raise ConfigurationError(f"{file}: there is no checkpoint in it")
    last = found[-1]
    names = " or ".join(key.id for key in public)
    click.echo(f"{len(found)} checkpoints are signed with the key {names}; the last: seq {last.seq} at {last.time}")


@audit.command()
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@as_json
@pass_context
def rebuild(context: Context, dry_run: bool, as_json: bool) -> None:
    """Make changes and tags again from the stored events: the same rows, with the same ids. Starts nothing.

    It can be stopped and begun again.
    """
    with asking(context):
        pass  # there is a database to ask
    with closing(Progress()) as progress:
        rebuilt = rebuild_history(
            context.engine, operator(), lambda done, of: progress("repositories", done, of), dry_run=dry_run
        )
    if as_json:
        print_json(rebuilt)
    else:
        _tell_rebuilt(rebuilt, "would be" if dry_run else "was")


def _tell_rebuilt(rebuilt: Rebuilt, verb: str) -> None:
    for finding in rebuilt.findings:
        click.echo(f"{finding}")
    click.echo(f"{rebuilt.repositories} repositories; {len(rebuilt.findings)} rows: {verb} put right", err=True)


@audit.command()
@click.option("--actor", help="Who did it, such as os:alice.")
@click.option("--verb", help="What was done, such as origin.add.")
@in_time
@listing
@pass_context
def log(context: Context, /, output: Output, **asked: Any) -> None:
    """List what operators did, newest first."""
    output.show(context, queries.page, ActionFilter(**asked), _row)


def _row(line: ActionLine) -> dict[str, object]:
    return {
        "seq": line.seq, "time": When(line.time_ns), "actor": line.actor, "verb": line.verb, "subject": line.subject,
        "detail": ", ".join(f"{name}={value}" for name, value in line.detail.items()),
    }

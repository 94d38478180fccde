"""`tagtrail reconcile`: what a registry has, compared with what its events told."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from app.bootstrap import make_remote, policy, sections_to_ask
from app.cli.asking import as_json, asking
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json, print_table
from app.domain.origins import Origin
from app.domain.plain import plain
from app.domain.reconciling import FRESH_NS, Walked
from app.domain.text import printable
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.settings import ConfigurationError
from app.settings.operator import operator
from app.usecases.reconcile import Asked, Means
from app.usecases.reconcile import reconcile as walk

Tell = Callable[[int, int, str], None]


@click.command()
@click.argument("origin")
@click.option("--registry", help="Only this one of the origin's registries.")
@click.option("--repository", "pattern", metavar="GLOB", help="Only these: * stays in a path component, ** crosses.")
@click.option("--dry-run", is_flag=True, help="Say what differs, and write nothing.")
@as_json
@pass_context
def reconcile(context: Context, /, origin: str, registry: str | None, pattern: str | None, **options: bool) -> None:
    """Ask an origin's registries for all their tags, and add to history what their events missed, removals too.

    Nothing is ever deleted from history, and what could not be listed whole removes nothing. The status is 1 if
    something could not be asked.
    """
    known = _origin(context, origin)
    names = _only(registry, origin, known.registries)
    with asking(context):
        pass  # there is a database, and no transaction stays open while a registry is asked
    with Door() as door:
        alone, write = len(known.registries) == 1, not options["dry_run"]
        asked = [Asked(origin, name, pattern, write, alone, known.unheard) for name in names]
        done = [_walk(context, door, one) for one in asked]
    if options["as_json"]:
        print_json([plain(walked) | {"complete": walked.complete} for walked in done])
    else:
        _show(done)
    sys.exit(any(walked.failures or walked.moving for walked in done))


def _origin(context: Context, origin: str) -> Origin:
    found = context.settings.origin(origin)
    if found is None:
        known = ", ".join(sorted(context.settings.origins.all())) or "none yet"
        raise ConfigurationError(f"no origin is called {origin!r}; there are: {known}")
    return found[0]


def _only(registry: str | None, origin: str, names: Sequence[str]) -> Sequence[str]:
    if registry is not None and registry not in names:
        raise ConfigurationError(f"{origin} does not write history of {registry!r}, only of {', '.join(names)}")
    return names if registry is None else (registry,)


def _walk(context: Context, door: Door, asked: Asked) -> Walked:
    settings = context.settings
    section = sections_to_ask(settings).get(asked.registry)
    if section is None:
        raise ConfigurationError(
            f"{asked.registry} may not be asked; let it: registries: {{{asked.registry!r}: {{credentials: none}}}}"
        )
    remote = make_remote(settings, door, asked.registry, section)
    with _progress(asked.registry) as tell:
        return walk(asked, Means(context.engine, remote, policy(settings), tell, _wait), operator())


def _wait(seconds: float) -> None:
    click.echo(f"some events are younger than {FRESH_NS // SECOND_NS} s; their tags are asked again then", err=True)
    time.sleep(seconds)


@contextmanager
def _progress(registry: str) -> Iterator[Tell]:
    """A bar on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _all, _name: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(escape(registry), total=None)

        def tell(done: int, of_all: int, name: str) -> None:
            progress.update(bar, completed=done, total=of_all, description=escape(f"{registry} {printable(name)}"))

        yield tell


def _show(done: Sequence[Walked]) -> None:
    for walked in done:
        print_table([
            {
                "registry": walked.registry, "repository": one.repository, "tag": one.tag, "events_say": one.before,
                "registry_says": one.after, "since": None if one.since_ns is None else When(one.since_ns),
                "until": When(one.until_ns),
            }
            for one in walked.differences
        ])
        for failure in walked.failures:
            click.echo(f"not asked: {printable(failure)}", err=True)
        for tag in walked.moving:
            click.echo(f"still moving, left alone: {printable(tag)}", err=True)
        click.echo(
            f"{walked.registry}: {walked.tags} tags in {walked.repositories} repositories, "
            f"{len(walked.differences)} differed" + (f", {len(walked.gaps)} gaps closed" if walked.gaps else ""),
            err=True,
        )

"""The parts of the system one by one, as docker-compose and systemd run them."""

import os
import sys
from typing import NoReturn

import click

from app.bootstrap import configure_logging
from app.cli.starting import PYTHON
from app.cli.supervisor import Child, supervise
from app.cli.up import prepare
from app.queue.jobs import QUEUES
from app.settings import load
from app.settings.load import DEFAULT_HOST, DEFAULT_PORT
from app.store.engine import make_engine
from app.store.migrate import revisions


def _become(*module: str) -> NoReturn:
    os.execv(sys.executable, (*PYTHON, *module))  # noqa: S606 - no shell is what is wanted


@click.command()
@click.option("--host", envvar="TAGTRAIL_HOST", default=DEFAULT_HOST, show_default=True)
@click.option("--port", envvar="TAGTRAIL_PORT", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535))
def web(host: str, port: int) -> None:
    """Serve the receiver, the registry, the pages and the API."""
    os.environ.update(TAGTRAIL_HOST=host, TAGTRAIL_PORT=str(port))
    _become("app.wsgi")


@click.command()
@click.argument("queue", type=click.Choice(QUEUES), required=False)
def worker(queue: str | None) -> None:
    """Work on one QUEUE; without it on each, in a process of its own."""
    if queue is not None:
        _become("workers", queue)
    configure_logging("worker")
    children = [Child(f"worker-{name}", (*PYTHON, "workers", name)) for name in QUEUES]
    sys.exit(supervise(children, os.environ, lambda: None))


@click.command()
def relay() -> None:
    """Ring for what is due: late retries, lost rings, a wiped Redis."""
    _become("workers.relay")


@click.command()
def migrate() -> None:
    """Bring the databases to this version, and make what a first start makes."""
    prepare()
    engine = make_engine(load().database_url)
    now, newest = revisions(engine)
    engine.dispose()
    click.echo(f"the database is at revision {now} of {newest}")

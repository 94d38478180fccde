"""The web process of `tagtrail registry serve`: `python -P -m app.wsgi_alone`."""

import os
import sys
import uuid
from pathlib import Path
from typing import Any

from app.bootstrap import INSTANCE, log_failure
from app.bootstrap.registry import serve_registry
from app.bootstrap.serving import FINISH_WITHIN_S, end_with, run, settle
from app.bootstrap.standalone import configure_logging, make_health
from app.domain.errors import TagtrailError
from app.domain.times import SECOND_NS
from app.queue.pipe import PipeBell
from app.settings import Settings
from app.settings.alone import load_alone
from app.settings.registry import Http
from app.web.alone import create_app

CLIENT_AUTHORITIES = "client-authorities.pem"
"""All of `http.tls.clientcas` in one file of DATA."""


def make(_target: str = "") -> Any:
    """Build the app; called once in each process that serves, after it has forked."""
    settings = load_alone().settings
    configure_logging("web", settings.registry.log)
    end_with(os.getppid())
    health = make_health(settings)
    health.start()
    bell = PipeBell(settings.keeper_bell)
    if not settings.registry.http.debug.prometheus.enabled:
        return create_app(settings, serve_registry(settings, bell), health)
    from prometheus_client import CollectorRegistry

    from app.web.registry.meters import Meters

    meters = Meters(CollectorRegistry())
    return create_app(settings, serve_registry(settings, bell, meters.storage_acted), health, [meters])


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT, with TLS where that is configured."""
    os.environ[INSTANCE] = str(uuid.uuid4())
    settle(settings)
    http = settings.registry.http
    run(settings, make, finish_within_s=finish_within(http), **_tls(settings))


def finish_within(http: Http) -> int:
    """Seconds for requests under way at the end: at least ours, where distribution has none unless said."""
    return max(FINISH_WITHIN_S, -(-http.draintimeout // SECOND_NS))


def _tls(settings: Settings) -> dict[str, Any]:
    from granian.constants import HTTPModes, SSLProtocols

    http = settings.registry.http
    known: dict[str, Any] = {"http": HTTPModes.http1} if http.http2.disabled else {}
    if http.tls.certificate is None:
        return known
    protocol = SSLProtocols.tls13 if http.tls.minimumtls == "tls1.3" else SSLProtocols.tls12
    known |= {"ssl_cert": http.tls.certificate, "ssl_key": http.tls.key, "ssl_protocol_min": protocol}
    if http.tls.clientcas:
        known |= {"ssl_ca": _joined(http.tls.clientcas, settings.data / CLIENT_AUTHORITIES), "ssl_client_verify": True}
    return known


def _joined(files: tuple[Path, ...], place: Path) -> Path:
    place.write_bytes(b"\n".join(file.read_bytes() for file in files))
    return place


if __name__ == "__main__":
    try:
        known = load_alone().settings
        configure_logging("web", known.registry.log)
        serve(known)
    except TagtrailError as error:
        log_failure(error)
        sys.exit(1)

"""The web process: `python -P -m app.wsgi` serves the app with granian; other WSGI servers call `make`."""

import os
import sys
import uuid
from typing import Any

from app.bootstrap import INSTANCE, configure_logging, log_failure, make_services
from app.bootstrap.metrics import are_counted, counting
from app.bootstrap.serving import end_with, run, settle
from app.domain.errors import TagtrailError
from app.settings import Settings, load
from app.settings.fingerprint import fingerprint
from app.settings.operator import operator
from app.usecases.note_configuration import note_configuration
from app.web.factory import create_app


def make(_target: str = "") -> Any:
    """Build the app; called once in each process that serves, after it has forked."""
    configure_logging("web")
    end_with(os.getppid())
    if not are_counted():
        return create_app(make_services(load()))
    from prometheus_client import CollectorRegistry

    from app.web.meters import HOOKS, Below, ReceiverMeters
    from app.web.registry.meters import Meters

    served, senders = Meters(CollectorRegistry()), ReceiverMeters(CollectorRegistry())
    services = make_services(load(), served.storage_acted)
    return create_app(services, [Below("/v2/", served), Below(HOOKS, senders)])


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT."""
    os.environ[INSTANCE] = str(uuid.uuid4())
    note_configuration(settings.database_url, operator(), fingerprint(settings))
    if settings.serves_registry:
        settle(settings)
    with counting():
        run(settings, make)


if __name__ == "__main__":
    configure_logging("web")
    try:
        serve(load())
    except TagtrailError as error:
        log_failure(error)
        sys.exit(1)

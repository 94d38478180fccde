"""`/metrics`: what Prometheus is told. Numbers are of all repositories, so only for those who may see everything."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from app.bootstrap import Services, journal_engine, make_rings
from app.bootstrap.metrics import exposition
from app.settings import Settings
from app.store.engine import reading
from app.web.callers import scope

if TYPE_CHECKING:
    from prometheus_client import Metric

    from app.usecases.measure import Named

WHAT = "how all of it does"


def blueprint(services: Services) -> Blueprint:
    routes, known = Blueprint("metrics", __name__), _knowing(services)

    @routes.get("/metrics")
    def page() -> Response:
        scope().require_everything(WHAT)
        media_type, text = exposition(known())
        return Response(text, content_type=media_type)

    return routes


def _knowing(services: Services) -> "Callable[[], Iterator[Metric]]":
    """What looks up how everything does."""
    rings = make_rings(services.settings)

    def known() -> "Iterator[Metric]":
        from app.usecases.measure import measure, measure_journal, measure_rings

        named = _named(services.in_force().settings)
        with reading(services.engine) as connection:
            yield from measure(connection, named)
        if services.registry is not None:
            journal = journal_engine(services.settings)
            try:
                with reading(journal) as connection:
                    yield from measure_journal(connection, named)
            finally:
                journal.dispose()
        if rings is not None:
            yield from measure_rings(rings())

    return known


def _named(settings: Settings) -> "Named":
    from app.usecases.measure import Named

    return Named(
        origins={name: section.expect_every for name, section in sorted(settings.origins.usable().items())},
        destinations=settings.destinations,
        forwards=tuple(settings.file.forward),
        endpoints=tuple(endpoint.name for endpoint in settings.endpoints),
    )

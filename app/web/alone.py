"""The app of `tagtrail registry serve`: `/v2/`, and an empty page at `/` for balancers that ask whether it is there."""

from collections.abc import Sequence

from flask import Flask, Response

from app.bootstrap.registry import Served
from app.registry.health import Health
from app.settings import Settings
from app.web import problems
from app.web.headers import harden
from app.web.registry import routes
from app.web.registry.access_log import AccessLog
from app.web.registry.causes import listener_for, networks
from app.web.registry.entrance import Entrance
from app.web.registry.gate import from_no_other_site, while_well
from app.web.registry.manner import Manner
from app.web.registry.observed import Observed, Observer


def create_app(settings: Settings, served: Served, health: Health, observers: Sequence[Observer] = ()) -> Flask:
    app = Flask("app.web", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    section = settings.registry
    registry = routes.blueprint(served.registry, listener_for(served), Entrance.of(served), Manner.of(section))
    registry.before_request(from_no_other_site(settings))
    registry.before_request(while_well(health))
    app.register_blueprint(registry)
    app.add_url_rule("/", "alive", lambda: Response(mimetype="text/plain"))
    app.after_request(harden)
    problems.handle(app)
    log = [] if section.log.accesslog.disabled else [AccessLog(section.log, networks(section.http.trustedproxies))]
    app.wsgi_app = Observed(app.wsgi_app, [*log, *observers])  # type: ignore[method-assign, assignment]
    return app

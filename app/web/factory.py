"""The Flask app: rooms in, one app out."""

import hashlib
import hmac
from collections.abc import Sequence

from flask import Blueprint, Flask, Request
from werkzeug.datastructures import Authorization

from app.bootstrap import Services
from app.bootstrap.standalone import make_health
from app.settings import Settings
from app.web import api, forms, health, live, metrics, pages, problems, receiver, sign_in
from app.web.callers import Callers
from app.web.guard import make_guard
from app.web.headers import harden
from app.web.registry import off, routes
from app.web.registry.causes import listener_for
from app.web.registry.entrance import Entrance
from app.web.registry.gate import while_well
from app.web.registry.manner import Manner
from app.web.registry.observed import Observed, Observer
from app.web.unproven import Unproven

SESSION_S = 12 * 3600
"""How long a browser stays signed in."""


class _Request(Request):
    @property
    def authorization(self) -> Authorization | None:
        """None too where it is not ASCII, at which werkzeug's parser fails."""
        try:
            return super().authorization
        except ValueError:
            return None


class _App(Flask):
    request_class = _Request

    def log_exception(self, *_: object) -> None:
        """Left to `problems`: Flask's own line has the path, and the path may have a secret."""


def create_app(services: Services, observers: Sequence[Observer] = ()) -> Flask:
    app = _App("app.web", static_folder="static", template_folder="templates")
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # or `/hooks//x` would be a redirect, which a registry takes for delivered
    app.json.sort_keys = False  # type: ignore[attr-defined]
    settings = services.settings
    callers = Callers(services.engine, settings.access_token() if settings.asks_for_token else None)
    unproven = Unproven()
    _keep_sessions(app, settings)
    app.before_request(make_guard(settings, callers, unproven))
    app.after_request(harden)
    problems.handle(app)
    app.register_blueprint(health.blueprint(services))
    app.register_blueprint(receiver.blueprint(services, callers, unproven))
    app.register_blueprint(_registry(services))
    app.register_blueprint(api.blueprint(services))
    app.register_blueprint(live.blueprint(services))
    app.register_blueprint(pages.blueprint(services))
    app.register_blueprint(sign_in.blueprint(callers))
    app.register_blueprint(metrics.blueprint(services))
    if observers:
        app.wsgi_app = Observed(app.wsgi_app, observers)  # type: ignore[method-assign, assignment]
    return app


def _keep_sessions(app: Flask, settings: Settings) -> None:
    """Signed cookies. The key has the access token in it, so that another one signs out who came in with the old."""
    token = settings.access_token() if settings.asks_for_token else ""
    app.secret_key = hmac.digest(settings.session_key().encode(), token.encode(), hashlib.sha256)
    secure = settings.public_url.startswith("https:")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-tagtrail" if secure else "tagtrail",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_S,
    )
    app.add_template_global(forms.proof, "form_proof")


def _registry(services: Services) -> Blueprint:
    served = services.registry
    if served is None:
        return off.blueprint()
    registry = routes.blueprint(served.registry, listener_for(served), Entrance.of(served), Manner.of(served.section))
    health = make_health(services.settings)
    health.start()
    registry.before_request(while_well(health))
    return registry

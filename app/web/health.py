"""`/livez`: the process answers. `/readyz`: the database does too."""

from flask import Blueprint, Response

from app.bootstrap import Services
from app.store.engine import reading
from app.store.head import last


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    def live() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @routes.get("/readyz")
    def ready() -> Response:
        with reading(services.engine) as connection:
            last(connection)
        return Response("ok\n", mimetype="text/plain")

    return routes

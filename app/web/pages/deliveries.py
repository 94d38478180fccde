"""`/deliveries`: what was sent where, and a way to send it again."""

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.bootstrap import Services
from app.domain.access import Role
from app.domain.deliveries import Status
from app.store.engine import reading
from app.store.queries import deliveries
from app.store.queries.deliveries import DeliveryStory
from app.usecases.redeliver import redeliver as send_again
from app.web.callers import caller, scope
from app.web.deeds import LONGEST_REASON, drop_dead
from app.web.pages.lists import links
from app.web.parameters import DeliveryParameters, NoParameters


def page(services: Services) -> str:
    asked = DeliveryParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = deliveries.page(connection, scope(), asked.filter(), asked.paging)
    return render_template(
        "deliveries.html", lines=found.items, statuses=[status.value for status in Status], **links(found)
    )


def one(services: Services, identity: str) -> str:
    NoParameters.read()
    found = _found(services, identity)
    return render_template(
        "delivery.html", story=found, delivery=found.delivery, may_act=caller().role.covers(Role.DEPLOY)
    )


def redeliver(services: Services, identity: str) -> Response:
    found = _found(services, identity)
    send_again(services.engine, found.delivery.id, caller().name)
    return redirect(url_for("pages.delivery", identity=found.delivery.id), 303)


def drop(services: Services, identity: str) -> Response:
    """Raises NotDeadError."""
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    if not reason:
        abort(400, "reason: say why")
    drop_dead(services, identity, reason)
    return redirect(url_for("pages.delivery", identity=identity), 303)


def _found(services: Services, identity: str) -> DeliveryStory:
    with reading(services.engine) as connection:
        found = deliveries.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such delivery")
    return found

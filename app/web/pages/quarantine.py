"""`/quarantine`: what could not be read, and a way to read it again."""

from flask import abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.bootstrap import Services
from app.domain.access import Role
from app.store.engine import reading
from app.store.queries import quarantine
from app.store.queries.quarantine import QuarantineLine
from app.usecases import retry_quarantine
from app.web.callers import caller, scope
from app.web.pages.lists import links
from app.web.parameters import NoParameters, QuarantineParameters

REASONS = ("unreadable", "too-large", "id-conflict")
READ_AGAIN = "unreadable"
"""The reason that reading again may mend."""


def page(services: Services) -> str:
    asked = QuarantineParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = quarantine.page(connection, scope(), asked.filter(), asked.paging)
    return render_template("quarantine.html", asked=asked, lines=found.items, reasons=REASONS, **links(found))


def one(services: Services, identity: str) -> str:
    NoParameters.read()
    return _shown(*_found(services, identity))


def retry(services: Services, identity: str) -> Response | tuple[str, int]:
    """Back to the entry, which says that it was taken in; or why it stays."""
    entry, body = _found(services, identity)
    configured = services.settings.origin(entry.origin)
    origin = configured[0] if configured else None
    retried = retry_quarantine.retry(services.engine, entry.id, origin, services.in_force().policy, caller().name)
    if retried.why:
        return _shown(entry, body, retried.why), 422
    return redirect(url_for("pages.quarantined", identity=entry.id), 303)


def _found(services: Services, identity: str) -> tuple[QuarantineLine, bytes]:
    with reading(services.engine) as connection:
        found = quarantine.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such entry")
    return found


def _shown(entry: QuarantineLine, body: bytes, complaint: str | None = None) -> str:
    may_act = caller().role.covers(Role.ADMIN) and entry.reason == READ_AGAIN and entry.resolved_ns is None
    return render_template("quarantined.html", entry=entry, body=body, complaint=complaint, may_act=may_act)

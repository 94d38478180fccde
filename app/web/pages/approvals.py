"""`/approvals`: what waits for somebody's word, and `/approve/SECRET`, where a link gives it without a sign-in."""

from flask import Response as Page
from flask import abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.bootstrap import Services
from app.domain.access import EVERYTHING, Role
from app.store.engine import reading
from app.store.queries import approvals, deliveries
from app.usecases import approve
from app.usecases.approve import BY_LINK, UndecidableError, Word
from app.web.callers import caller, scope
from app.web.deeds import LONGEST_REASON, say
from app.web.pages.lists import links
from app.web.parameters import ApprovalParameters, NoParameters

GONE = "This link decides nothing: it is mistyped, or its time is over."


def page(services: Services) -> str:
    asked = ApprovalParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = approvals.page(connection, scope(), asked.filter(), asked.paging)
    return render_template("approvals.html", lines=found.items, **links(found))


def one(services: Services, identity: str) -> str:
    NoParameters.read()
    with reading(services.engine) as connection:
        found, story = approvals.one(connection, scope(), identity), deliveries.one(connection, scope(), identity)
    if found is None or story is None:
        abort(404, "nothing by this id was asked about")
    may_act = found.status == "pending" and found.decision is None and caller().role.covers(Role.DEPLOY)
    return render_template("approval.html", line=found, tells=story.delivery.tells, may_act=may_act, by_link=False)


def decide(services: Services, identity: str) -> Response:
    """Raises UndecidableError."""
    say(services, identity, approved=_approved(), reason=_reason())
    return redirect(url_for("pages.approval", identity=identity), 303)


def show_link(services: Services, secret: str) -> Page:
    """Changes nothing: what reads mails and chats before people do asks for it too."""
    return _linked(services, secret)


def decide_by_link(services: Services, secret: str) -> Page:
    asked = approve.of_link(services.engine, secret)
    if asked is None:
        return _unkept("problem.html", 404, detail=GONE)
    try:
        approve.decide(services.engine, asked.delivery_id, Word(_approved(), BY_LINK, _reason()))
    except UndecidableError as error:
        return _unkept("problem.html", 409, detail=str(error))
    return _linked(services, secret)


def _linked(services: Services, secret: str) -> Page:
    asked = approve.of_link(services.engine, secret)
    if asked is None:
        return _unkept("problem.html", 404, detail=GONE)
    with reading(services.engine) as connection:
        found = approvals.one(connection, EVERYTHING, asked.delivery_id)
        story = deliveries.one(connection, EVERYTHING, asked.delivery_id)
    tells = story.delivery.tells if story else ()
    may_act = found is not None and found.status == "pending" and found.decision is None
    return _unkept("approval.html", 200, line=found, tells=tells, may_act=may_act, by_link=True)


def _unkept(template: str, status: int, **shown: object) -> Page:
    """A page that no cache keeps: its address is a secret."""
    answer = make_response(render_template(template, status=status, **shown), status)
    answer.cache_control.no_store = True
    return answer


def _approved() -> bool:
    said = request.form.get("decision")
    if said not in ("approve", "reject"):
        abort(400, "decision: say approve or reject")
    return said == "approve"


def _reason() -> str | None:
    return request.form.get("reason", "").strip()[:LONGEST_REASON] or None

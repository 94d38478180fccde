"""`/sign-in`: a browser shows a token once and is known by a cookie then."""

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.domain.access import Role
from app.web.callers import Callers, sign_in, sign_out
from app.web.parameters import Parameters
from app.web.shown import own_path


class SignInParameters(Parameters):
    next: str = "/"


def blueprint(callers: Callers) -> Blueprint:
    routes = Blueprint("sign_in", __name__)

    @routes.get("/sign-in")
    def page() -> Response:
        asked = SignInParameters.read(blank_is_absent=True)
        return _page(callers, own_path(asked.next))

    @routes.post("/sign-in")
    def enter() -> AnyResponse:
        known = callers.with_secret(request.form.get("token", "").strip())
        then = own_path(request.form.get("next", "/"))
        if known is None:
            return _refused(callers, then)
        if not known.role.covers(Role.READ):
            return _page(callers, then, 403, f"A token with the role {known.role} opens no pages; it needs read.")
        sign_in(known)
        return redirect(then, 303)

    @routes.post("/sign-out")
    def leave() -> AnyResponse:
        sign_out()
        return redirect("/sign-in", 303)

    return routes


def _refused(callers: Callers, then: str) -> Response:
    wait_s = callers.refuse(request)
    if not wait_s:
        return _page(callers, then, 401, "No token like this one works here: it is mistyped, revoked or expired.")
    answer = _page(callers, then, 429, f"Too many wrong tokens came from your address; try again in {wait_s} s.")
    answer.headers["Retry-After"] = str(wait_s)
    return answer


def _page(callers: Callers, then: str, status: int = 200, complaint: str | None = None) -> Response:
    known = callers.signed_in()
    return make_response(render_template("sign_in.html", known=known, then=then, complaint=complaint), status)

"""What browsers are told of every page and answer of ours: load nothing from elsewhere, guess nothing, leak nothing."""

from flask import Response, request

from app.web.forms import has_form

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_CONTENT = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
"""For what people pushed to our registry: it shares the pages' address, and must not become one of them."""


def harden(response: Response) -> Response:
    """For Flask's after_request.

    Where a form is, its own site is told where it came from: with no-referrer its request would have the Origin `null`
    (Fetch standard, "append a request Origin header"), and the guard could not tell it from another site's.
    """
    if request.path.startswith("/v2/"):
        response.headers.update(_CONTENT)
    else:
        unkept = response.cache_control.no_store
        response.headers.update(_HEADERS)
        response.cache_control.no_store = unkept
        response.headers["Referrer-Policy"] = "same-origin" if has_form() else "no-referrer"
    return response

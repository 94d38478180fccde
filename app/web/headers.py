"""What browsers are told of every page and answer of ours: load nothing from elsewhere, guess nothing, leak nothing."""

from flask import Response

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


def harden(response: Response) -> Response:
    """For Flask's after_request."""
    response.headers.update(_HEADERS)
    return response

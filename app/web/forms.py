"""Forms that change something: a page of another site can't send them, since it can't know the session's token."""

import hmac
import secrets

from flask import Request, g, session
from markupsafe import Markup

FIELD = "csrf"
LONGEST_FORM = 64 * 1024


def proof() -> Markup:
    """The hidden field that every form with method=post has."""
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(32)
    g.has_form = True
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, session[FIELD])


def has_form() -> bool:
    """Whether the page that is being answered has such a form."""
    return bool(g.get("has_form"))


def is_proven(asked: Request) -> bool:
    """Whether a state-changing request can't be a form of another site's.

    Browsers send cookies, Basic passwords and requests to loopback for any page that asks them to. They send no Bearer
    and no JSON to another site without asking it first (Fetch standard, CORS-preflight), and we never agree.
    """
    if asked.authorization is not None and asked.authorization.type == "bearer":
        return True
    if asked.mimetype == "application/json":
        return True
    asked.max_content_length = LONGEST_FORM
    expected = session.get(FIELD)
    given = asked.form.get(FIELD, "")
    return isinstance(expected, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())

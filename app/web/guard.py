"""What a request must show before anything looks at it (DESIGN decision 16)."""

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from urllib.parse import urlencode, urlsplit

from flask import Request, Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse
from werkzeug.wsgi import get_input_stream

from app.domain.access import Role
from app.settings import Settings
from app.settings.load import is_loopback
from app.web.callers import Callers
from app.web.failures import told_to_wait
from app.web.forms import LONGEST_FORM, is_proven
from app.web.problems import problem
from app.web.unproven import Unproven

SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_PROOF = ("/hooks/", "/v2/")
"""Paths whose callers prove themselves another way, to another part, whatever is asked of them."""
_FOR_ALL = (
    "static", "health.live", "health.ready", "sign_in.page", "sign_in.enter", "sign_in.leave",
    "pages.approval_link", "pages.decide_by_link",
)  # fmt: skip
"""Endpoints that show nothing of what is kept, or only to whoever has the secret in the address."""
_DEEDS = (
    "redeliver", "redeliver_failed", "drop", "pause", "resume", "approve", "reject", "decide", "redeploy",
    "enable", "disable",
)  # fmt: skip
_NEEDS: Mapping[str, Role] = {f"{room}.{deed}": Role.DEPLOY for room in ("pages", "api") for deed in _DEEDS}
"""Where it is neither read (to look) nor admin (to change something)."""


def make_guard(settings: Settings, callers: Callers, unproven: Unproven) -> Callable[[], AnyResponse | None]:
    """For Flask's before_request. Browsers reach loopback, so names and origins of requests are checked there too."""
    own = urlsplit(settings.public_url).hostname
    hosts = frozenset(name.lower() for name in (*settings.file.web.hosts, settings.host, own or "") if name)

    def guard() -> AnyResponse | None:
        host = _host_name(request.host)
        if not (is_loopback(host) or host in hosts):
            return problem(421, "this name is not served here; list it under web.hosts", {"host": host})
        if request.method not in SAFE and not _same_site(request):
            return problem(403, "a page of another site may not do this")
        if request.path.startswith(_OWN_PROOF):
            return None
        refused = _await_form(unproven) if request.endpoint in _FOR_ALL else _identify(callers)
        if refused is None and request.method not in SAFE and not is_proven(request):
            return problem(403, "this form has expired or came from elsewhere; load its page again")
        return refused

    return guard


def _await_form(unproven: Unproven) -> AnyResponse | None:
    """Put the form of somebody whom nobody knows where it is looked for, or say that there is no waiting for it."""
    if request.method in SAFE:
        return None
    take = partial(get_input_stream(request.environ).read, LONGEST_FORM + 1)  # no further: it may block
    form = unproven.read(request.remote_addr or "", take)
    if isinstance(form, Response):
        return form
    request.environ["wsgi.input"] = BytesIO(form)
    return None


def _identify(callers: Callers) -> AnyResponse | None:
    """Keep who asks, or say what is missing."""
    known = callers.of(request)
    if known is None:
        wait_s = callers.refuse(request) if "Authorization" in request.headers else 0
        return told_to_wait(wait_s) if wait_s else _ask_who()
    needed = _NEEDS.get(request.endpoint or "", Role.READ if request.method in SAFE else Role.ADMIN)
    if not known.role.covers(needed):
        return problem(403, f"this needs a token with the role {needed}; yours has {known.role}", {"role": needed})
    g.caller = known
    return None


def _ask_who() -> AnyResponse:
    """People with a browser sign in on a page; programs, and who has tried with a secret, are told what to give."""
    if request.authorization is None and request.method in SAFE and "text/html" in request.headers.get("Accept", ""):
        return redirect("/sign-in?" + urlencode({"next": request.full_path.rstrip("?")}), 303)
    headers = {"WWW-Authenticate": 'Basic realm="tagtrail"'}
    return problem(401, "give a token as Bearer, or as the password of Basic", headers=headers)


def _host_name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "").lower() if "@" not in host else ""


def _same_site(asked: Request) -> bool:
    """Browsers say where a request comes from; programs don't."""
    origin = asked.headers.get("Origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == asked.host.lower()
    except ValueError:  # no URL at all
        return False

"""Our own token service over HTTP: `GET` ("Token Authentication Specification") and `POST` ("OAuth2 token")."""

import time
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import Any

from flask import Response, request

from app.domain.times import SECOND_NS, rfc3339
from app.registry.access.gates import UnauthorizedError, basic
from app.registry.access.scopes import parse_scopes
from app.registry.access.service import NAME, Issued, TokenService, WrongLoginError
from app.registry.errors import TOKEN_REQUEST_INVALID
from app.web.forms import LONGEST_FORM
from app.web.oci import error_answer, json_answer
from app.web.registry.causes import ACTOR
from app.web.registry.entrance import Entrance
from app.web.unproven import Unproven


def give(service: TokenService, entrance: Entrance, unproven: Unproven) -> Response:
    """A token for whoever shows who they are."""
    try:
        return _posted(service, unproven) if request.method == "POST" else _got(service, entrance)
    except WrongLoginError as error:
        shown = "Authorization" in request.headers or request.method == "POST"
        raise UnauthorizedError(basic(NAME), (), wrong_password=shown) from error


def _got(service: TokenService, entrance: Entrance) -> Response:
    login = entrance.shown().login
    if login is None and "Authorization" in request.headers:
        raise WrongLoginError("not a user and a password")
    user = service.user_of_login(login)
    issued = _issued(service, user, request.args.getlist("scope"))
    refresh = user if request.args.get("offline_token") == "true" else None
    return _answer(service, {"token": issued.token, "access_token": issued.token}, issued, refresh)


def _posted(service: TokenService, unproven: Unproven) -> Response:
    """Who asks is in the body, so it comes from somebody whom nobody knows."""
    body = unproven.read(request.remote_addr or "", partial(request.environ["wsgi.input"].read, LONGEST_FORM + 1))
    if isinstance(body, Response):
        return body
    if len(body) > LONGEST_FORM:
        return error_answer(TOKEN_REQUEST_INVALID, f"a form has at most {LONGEST_FORM} bytes")
    request.environ["wsgi.input"] = BytesIO(body)
    form = request.form
    match form.get("grant_type"):
        case "password":
            login = (form.get("username", ""), form.get("password", ""))
            user = service.user_of_login(login)
        case "refresh_token":
            user = service.user_of_refresh(form.get("refresh_token", ""), int(time.time()))
        case _:
            return error_answer(TOKEN_REQUEST_INVALID, "grant_type is password or refresh_token")
    issued = _issued(service, user, [form.get("scope", "")])
    told = {"access_token": issued.token, "token_type": "Bearer", "scope": " ".join(map(str, issued.scopes))}
    return _answer(service, told, issued, user if form.get("access_type") == "offline" else None)


def _issued(service: TokenService, user: str | None, scopes: Sequence[str]) -> Issued:
    request.environ[ACTOR] = user
    return service.issue(user, parse_scopes(scopes), int(time.time()))


def _answer(service: TokenService, told: dict[str, Any], issued: Issued, refresh: str | None) -> Response:
    """`refresh`: for whom there is a refresh token too."""
    told |= {"expires_in": issued.lasts_s, "issued_at": rfc3339(issued.issued_s * SECOND_NS, 0)}
    if refresh is not None:
        told["refresh_token"] = service.refresh_token(refresh, issued.issued_s)
    return json_answer(told, 200, {"Cache-Control": "no-store"})

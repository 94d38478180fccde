"""`/redeploy`: what going back to a digest would send where, and the button that does it."""

from typing import Any

from flask import Response as Page
from flask import make_response, render_template, request

from app.bootstrap import Services
from app.domain.access import Role
from app.domain.changes import TagKey
from app.store.engine import reading
from app.usecases.redeploy import Wanted, ask, plan
from app.web.callers import caller, scope
from app.web.parameters import DigestText, Parameters, Word


class Asked(Parameters):
    registry: Word
    repository: Word
    tag: Word
    digest: DigestText

    @property
    def wanted(self) -> Wanted:
        return Wanted(TagKey(self.registry, self.repository, self.tag), self.digest, None)


def page(services: Services) -> str:
    """Asks first. Raises NoWayBackError."""
    asked = Asked.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        planned = plan(connection, scope(), services.in_force().settings.rules, asked.wanted)
    may_act = caller().role.covers(Role.DEPLOY)
    return render_template("redeploy.html", plan=planned, done=False, may_act=may_act)


def redeploy(services: Services) -> Page:
    """Raises NoWayBackError."""
    given: dict[str, Any] = {name: request.form.get(name, "") for name in Asked.names()}
    planned = ask(services.engine, scope(), services.in_force().settings.rules, Asked(**given).wanted, caller().name)
    return make_response(render_template("redeploy.html", plan=planned, done=True, may_act=False))

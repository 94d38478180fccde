"""`/origins`: the configured senders, and what is known of each by what came from it."""

from dataclasses import dataclass

from flask import render_template

from app.bootstrap import Services
from app.domain.origins import is_silent
from app.settings.sections import OriginSection
from app.store.engine import now_ns, reading
from app.store.queries.origins import LOOKED_AT, OriginFacts, facts
from app.web.callers import scope
from app.web.parameters import NoParameters


@dataclass(frozen=True, slots=True)
class Sender:
    """What may be shown of an origin's configuration, which has secrets, and what is known of it.

    `insecure`: why it proves nothing. `silent`: it was heard longer ago than `expect_every_ns`, or never.
    """

    known: OriginFacts
    kind: str
    registries: tuple[str, ...]
    proof: str
    insecure: str | None
    expect_every_ns: int | None
    silent: bool


def page(services: Services) -> str:
    NoParameters.read()
    sections = dict(sorted(services.settings.origins.all().items()))
    with reading(services.engine) as connection:
        known, now = facts(connection, scope(), sections), now_ns(connection)
    senders = [_sender(section, found, now) for section, found in zip(sections.values(), known, strict=True)]
    return render_template("origins.html", senders=senders, looked_at=LOOKED_AT)


def _sender(section: OriginSection, found: OriginFacts, now: int) -> Sender:
    expected_ns = section.expect_every
    return Sender(
        known=found,
        kind=section.kind,
        registries=section.registries or (found.origin,),
        proof=section.proof,
        insecure=section.insecure,
        expect_every_ns=expected_ns,
        silent=expected_ns is not None and is_silent(found.heard_ns or 0, expected_ns, now),
    )

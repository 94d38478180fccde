"""`/trace?of=`: what became of a digest, an event, a change or a delivery, step by step."""

from flask import abort, render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import traces
from app.web.callers import scope
from app.web.parameters import Parameters, Word


class Asked(Parameters):
    of: Word | None = None


def page(services: Services) -> str:
    of = Asked.read(blank_is_absent=True).of
    if of is None:
        return render_template("trace.html", of=None, found=None)
    with reading(services.engine) as connection:
        found = traces.find(connection, scope(), of)
    if found is None:
        abort(404, "nothing is known by this id: give a digest, or the id of an event, change, delivery or trace")
    return render_template("trace.html", of=of, found=found)

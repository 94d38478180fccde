"""`tagtrail trace`: what became of a push, step by step."""

import click

from app.cli.asking import NothingKnownError, as_json, asking
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts, print_json, print_table
from app.domain.access import EVERYTHING
from app.domain.times import SECOND_NS
from app.domain.traces import Step, Trace
from app.store.queries import traces
from app.store.queries.trace_steps import reference


@click.command()
@click.argument("of", metavar="DIGEST|EVENT|CHANGE|DELIVERY|TRACE_ID")
@as_json
@pass_context
def trace(context: Context, of: str, as_json: bool) -> None:
    """Show the line from a push to its messages, with times and what lies between; EVENT is an id or a seq.

    If there are several, as for a digest, they are listed.
    """
    with asking(context) as connection:
        found = traces.find(connection, EVERYTHING, of)
    if found is None:
        raise NothingKnownError(f"nothing is known of {of!r}: name a digest, an event, a change, a delivery or a trace")
    if as_json:
        print_json(found)
    elif len(found.traces) == 1:
        _show(found.traces[0])
    else:
        print_table([_row(one) for one in found.traces])
        if found.more:
            click.echo(f"(the newest {len(found.traces)}; name an event for an older one)", err=True)


def _show(found: Trace) -> None:
    print_facts([
        ("trace", found.trace_id), ("event", f"{found.event_id} of {found.origin}"),
        ("about", reference(found.registry, found.repository, found.tag)), ("digest", found.digest),
    ])
    click.echo()
    print_table([_step(step) for step in found.steps])


def _step(step: Step) -> dict[str, object]:
    return {
        "time": None if step.time_ns is None else When(step.time_ns),
        "after": _span(step.lag_ns, "+"), "took": _span(step.duration_ns, ""),
        "step": step.kind, "delivery": step.delivery, "what": step.text,
    }


def _span(span_ns: int | None, sign: str) -> str | None:
    """In seconds."""
    return None if span_ns is None else f"{span_ns / SECOND_NS:{sign}.3f}s"


def _row(found: Trace) -> dict[str, object]:
    return {
        "time": When(found.time_ns), "trace": found.trace_id, "event": found.event, "origin": found.origin,
        "about": reference(found.registry, found.repository, found.tag), "last": found.steps[-1].kind,
    }

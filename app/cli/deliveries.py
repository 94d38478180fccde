"""`tagtrail deliveries`: what was sent where, and what came of it."""

from typing import Any

import click

from app.cli.asking import MOMENT, NothingKnownError, Output, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_facts, print_table, print_text
from app.domain.access import EVERYTHING
from app.domain.deliveries import Status
from app.store.queries import deliveries as queries
from app.store.queries.deliveries import DeliveryFilter, DeliveryLine, DeliveryStory, ToldLine


@click.command()
@click.argument("identity", required=False, metavar="[ID]")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--destination", help="For example trigger:web-prod or channel:ops.")
@click.option("--since", "since_ns", type=MOMENT, help="Made from this moment on: 2026-03-01, or 7d back.")
@listing
@pass_context
def deliveries(context: Context, /, identity: str | None, output: Output, **asked: Any) -> None:
    """List deliveries, newest first; with ID show one, its attempts and its message."""
    if identity is not None:
        _show_one(context, identity, output)
        return
    output.show(context, queries.page, DeliveryFilter(**asked), _row)


def _row(line: DeliveryLine) -> dict[str, object]:
    return {
        "time": When(line.made_ns), "id": line.id, "status": line.status, "destination": line.destination,
        "tells": _tells(line), "attempts": line.attempts, "last": _last(line),
    }


def _tells(line: DeliveryLine) -> str:
    if not line.tells:
        return line.maker
    shown = ", ".join(_told(told) for told in line.tells[:2])
    return shown + (f" and {len(line.tells) - 2} more" if len(line.tells) > 2 else "")


def _told(told: ToldLine) -> str:
    return f"{told.kind} {told.registry}/{told.repository}" + (f":{told.tag}" if told.tag else "")


def _last(line: DeliveryLine) -> str | None:
    return line.last_attempt.detail if line.last_attempt else line.reason


def _show_one(context: Context, identity: str, output: Output) -> None:
    with asking(context) as connection:
        found = queries.one(connection, EVERYTHING, identity)
    if found is None:
        raise NothingKnownError(f"no delivery {identity!r}; `tagtrail deliveries` lists them")
    if output.form is None:
        _show(found)
    else:
        output.show_one(found)


def _show(found: DeliveryStory) -> None:
    line = found.delivery
    print_facts([
        ("id", line.id), ("status", line.status), ("reason", line.reason), ("destination", line.destination),
        ("made by", line.maker + (f" (text {line.rule_version})" if line.rule else "")), ("made", When(line.made_ns)),
        ("next attempt", When(line.next_attempt_ns) if line.next_attempt_ns is not None else None),
        ("again for", line.redelivery_of),
    ])
    for told in line.tells:
        print_facts([("tells", f"{_told(told)} {told.before} → {told.after}")])
    if found.attempts:
        click.echo("\nAttempts")
        print_table([
            {
                "time": When(one.started_ns), "took_ms": one.duration_ns // 1_000_000, "cause": one.cause,
                "result": one.detail, "answer": one.answer.decode("utf-8", "backslashreplace") or None,
            }
            for one in found.attempts
        ])
    click.echo(f"\nMessage, {found.content_type}")
    print_text(found.body)

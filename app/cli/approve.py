"""`tagtrail approvals`, `approve`, `reject`: deploys that wait for somebody's word."""

import click

from app.cli.asking import Output, as_json, asking, listing
from app.cli.context import Context, pass_context
from app.cli.tables import When, print_json
from app.settings.operator import operator
from app.store.queries import approvals as queries
from app.store.queries.approvals import ApprovalFilter, ApprovalLine
from app.usecases.approve import Word, decide


@click.command()
@click.option("--all", "decided", is_flag=True, help="What no longer waits too.")
@listing
@pass_context
def approvals(context: Context, output: Output, decided: bool) -> None:
    """List what waits for approval."""
    output.show(context, queries.page, ApprovalFilter(decided), _row)


@click.command()
@click.argument("delivery")
@click.option("--reason", help="What others read who wonder.")
@as_json
@pass_context
def approve(context: Context, delivery: str, reason: str | None, as_json: bool) -> None:
    """Let DELIVERY go, if it is still so."""
    _decide(context, delivery, Word(True, operator(), reason), as_json)


@click.command()
@click.argument("delivery")
@click.option("--reason", help="What others read who wonder.")
@as_json
@pass_context
def reject(context: Context, delivery: str, reason: str | None, as_json: bool) -> None:
    """End DELIVERY: it never goes."""
    _decide(context, delivery, Word(False, operator(), reason), as_json)


def _decide(context: Context, delivery: str, word: Word, as_json: bool) -> None:
    with asking(context):
        pass  # there is a database to write to
    decision = decide(context.engine, delivery, word)
    if as_json:
        print_json({"id": delivery, "decision": decision})
    else:
        click.echo(f"{delivery}: {decision}")


def _row(line: ApprovalLine) -> dict[str, object]:
    return {
        "asked": When(line.asked_ns), "id": line.id, "destination": line.destination,
        "repository": f"{line.registry}/{line.repository}", "digest": line.digest, "rule": line.rule,
        "until": When(line.deadline_ns), "decision": line.decision, "by": line.actor, "reason": line.note,
    }

"""`tagtrail redeliver`: send a message once more."""

import click

from app.cli.asking import asking
from app.cli.context import Context, pass_context
from app.settings.operator import operator
from app.usecases.redeliver import redeliver as send_again


@click.command()
@click.argument("delivery")
@click.option("--new", "as_new", is_flag=True, help="As a new message: the same body under a new id.")
@pass_context
def redeliver(context: Context, delivery: str, as_new: bool) -> None:
    """Make DELIVERY due now: the same id and bytes, so that a receiver that has it already can tell.

    Also one that was superseded: it sends what was true then.
    """
    with asking(context):
        pass  # there is a database to ask
    click.echo(send_again(context.engine, delivery, operator(), as_new=as_new))

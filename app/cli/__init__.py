"""The command line: `tagtrail`. Every command takes --data and --config; each is imported when it is called."""

import importlib
import os
from collections.abc import Mapping
from typing import Any

import click

from app.domain.errors import TagtrailError

COMMANDS: Mapping[str, str] = {
    "up": "app.cli.up:up",
    "demo": "app.cli.demo:demo",
    "history": "app.cli.history:history",
    "who": "app.cli.who:who",
    "activity": "app.cli.activity:activity",
    "diff": "app.cli.diff:diff",
    "moved-releases": "app.cli.moved_releases:moved_releases",
    "pulls": "app.cli.pulls:pulls",
    "repositories": "app.cli.repositories:repositories",
    "events": "app.cli.events:events",
    "deliveries": "app.cli.deliveries:deliveries",
    "destination": "app.cli.destination:destination",
    "redeliver": "app.cli.redeliver:redeliver",
    "drop": "app.cli.redeliver:drop",
    "redeploy": "app.cli.redeploy:redeploy",
    "pause": "app.cli.pause:pause",
    "resume": "app.cli.pause:resume",
    "pauses": "app.cli.pause:pauses",
    "approvals": "app.cli.approve:approvals",
    "approve": "app.cli.approve:approve",
    "reject": "app.cli.approve:reject",
    "trace": "app.cli.trace:trace",
    "registry": "app.cli.registry:registry",
    "journal": "app.cli.journal:journal",
    "reconcile": "app.cli.reconcile:reconcile",
    "quarantine": "app.cli.quarantine:quarantine",
    "origin": "app.cli.origin:origin",
    "token": "app.cli.token:token",
    "rules": "app.cli.rules:rules",
    "trigger": "app.cli.trigger:trigger",
    "channel": "app.cli.channel:channel",
    "archive": "app.cli.archive:archive",
    "backup": "app.cli.backup:backup",
    "restore": "app.cli.backup:restore",
    "audit": "app.cli.audit:audit",
    "web": "app.cli.parts:web",
    "worker": "app.cli.parts:worker",
    "relay": "app.cli.parts:relay",
    "migrate": "app.cli.parts:migrate",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        _give_common_options(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TagtrailError as error:
            raise click.ClickException(str(error)) from error
        except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


def _give_common_options(command: click.Command) -> None:
    """Let `command`, and every one below it, take --data and --config; settings read them from the environment."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _give_common_options(below)
    elif not any(parameter.name == "data" for parameter in command.params):
        command.params += [
            to_environment("--data", "TAGTRAIL_DATA", "Where everything is kept.", "./tagtrail-data"),
            to_environment("--config", "TAGTRAIL_CONFIG", "The configuration file.", "./tagtrail.yml, if it is there"),
        ]


def to_environment(flag: str, variable: str, text: str, default: str) -> click.Option:
    def keep(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = os.path.abspath(value)  # noqa: PTH100 - children may run elsewhere

    return click.Option(
        [flag], expose_value=False, is_eager=True, callback=keep, metavar="PATH", help=f"{text}  [default: {default}]"
    )


@click.group(cls=_Commands)
@click.version_option(package_name="tagtrail", prog_name="tagtrail")
def main() -> None:
    """Tagtrail: which digest a container tag pointed to, who put it there, and what should happen when it moves."""

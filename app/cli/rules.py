"""`tagtrail rules`: what leads where, and why."""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from app.bootstrap import make_settle
from app.bootstrap.checking import check_all
from app.cli.asking import MOMENT, NothingKnownError, Output, asking
from app.cli.context import Context, pass_context
from app.cli.history import named_registry
from app.cli.progress import Progress
from app.cli.tables import When, print_facts, print_table, print_text
from app.domain.changes import TagKey
from app.domain.names import Reference
from app.domain.rules import Rule
from app.domain.simulating import Sent
from app.domain.times import SECOND_NS
from app.settings import load
from app.settings.rules import RuleSection
from app.settings.sections import File
from app.settings.yamlfile import read
from app.store import rule_texts, tags
from app.store.engine import Connection
from app.usecases.explain import Explanation, explain
from app.usecases.simulate import Tried, Would, simulate

DAY_NS = 86_400 * SECOND_NS


@click.group()
def rules() -> None:
    """The rules of the configuration."""


@rules.command()
def check() -> None:
    """Read the configuration as a start would, and say what each rule does."""
    settings = load()
    check_all(settings)
    for section, rule in zip(settings.file.rules, settings.rules, strict=True):
        what = f"{rule.name} ({rule.version}): {about(rule)} -> {', '.join(rule.destinations) or 'nothing'}"
        click.echo("; ".join([what, *conditions(section, rule)]))
    if alarm := settings.protected:
        tags = "releases" if alarm.tags is None else ", ".join(alarm.tags) or "no tag"
        click.echo(f"protected ({alarm.version}): {tags} -> {', '.join(alarm.alert)}")
    click.echo(f"ok: {len(settings.rules)} rules, {settings.config or 'no configuration file'}", err=True)


def conditions(section: RuleSection, rule: Rule) -> Iterator[str]:
    """What a rule says of when its deliveries may go, and on whose word."""
    for one in section.windows:
        yield f"open {' '.join(one.days)} {_clock(one.begin)}-{_clock(one.end)} {one.zone}"
    if section.paused:
        yield "paused"
    if section.approve is not None:
        yield f"waits {yaml.safe_load(rule.text)['approve']} for approval"
    if section.confirm is not None:
        yield "what the registry confirms" if section.confirm else "without asking the registry"
    if section.allow_downgrade:
        yield "downgrades too"
    if section.insecure:
        yield f"insecure: {section.insecure}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def about(rule: Rule) -> str:
    """What a rule is about as it was written, on one line."""
    when = yaml.safe_load(rule.text).get("when") or {}
    shown = yaml.safe_dump(when, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    return shown.strip()[1:-1] or "everything"


@rules.command()
@click.argument("version")
@pass_context
def show(context: Context, version: str) -> None:
    """Show a rule as it was written, by the VERSION that a delivery names."""
    with asking(context) as connection:
        kept = rule_texts.get(connection, version)
    in_force = next((rule.text for rule in context.settings.rules if version in (rule.version, rule.name)), None)
    if kept is None and in_force is None:
        raise NothingKnownError(f"no rule had the version {version!r}; `tagtrail deliveries ID` names them")
    print_text(kept[0] if kept else in_force or "")


@rules.command(name="explain")
@click.argument("change", metavar="CHANGE|[REGISTRY/]REPOSITORY:TAG")
@click.option("--json", "form", flag_value="json", help="As JSON.")
@pass_context
def explain_change(context: Context, change: str, form: str | None) -> None:
    """Say of a change, or of the last one of a tag, which rules match, which clause keeps the others, what came of it.

    `protected` is the alarm of protected tags.

    The rules are those of the configuration now; a delivery names the version of the rule that made it.
    """
    with asking(context) as connection:
        found = _explained(context, connection, change)
    if found is None:
        found = _of_tag(context, change)
    if form == "json":
        Output(None, "json").show_one(found)
    else:
        _show(found)


def _explained(context: Context, connection: Connection, change: str) -> Explanation | None:
    return explain(connection, context.settings.rules, change, context.settings.protected)


def _of_tag(context: Context, text: str) -> Explanation:
    reference = Reference.parse_wide(text)
    if reference.tag is None:
        raise NothingKnownError(f"no change {text!r}; `tagtrail history REPOSITORY:TAG --json` lists their ids")
    registry = named_registry(context, reference)
    with asking(context) as connection:
        key = TagKey(registry or "", reference.repository, reference.tag)
        state = tags.load(connection, {key}).get(key)
        change = state.change_id if state else None
        found = _explained(context, connection, change) if change else None
    if found is None:
        raise NothingKnownError(f"nothing is known of {text}")
    return found


def _show(found: Explanation) -> None:
    told = found.change
    print_facts([
        ("change", told.change_id),
        ("what", f"{told.kind} {told.registry}/{told.repository}" + (f":{told.tag}" if told.tag else "")),
        ("before", told.before),
        ("after", told.after),
        ("time", When(told.time_ns)),
        ("by", told.actor or "unnamed"),
        ("origin", told.origin),
        ("known", told.provenance),
        ("present", "yes" if found.outcome == "pending" else f"no ({found.outcome})"),
    ])
    print_table([
        {"rule": one.rule, "matches": "yes" if one.matches else "no", "why": one.mismatch or "every clause holds",
         "leads_to": list(one.destinations)}
        for one in found.rules
    ])
    if found.told:
        print_table([
            {"destination": one.destination, "delivery": one.delivery, "status": one.status, "reason": one.reason,
             "rule": one.rule, "version": one.rule_version}
            for one in found.told
        ])
    else:
        click.echo("told nowhere", err=True)


@rules.command(name="simulate")
@click.option("--since", "since_ns", type=MOMENT, required=True, help="From this moment on: 2026-03-01, or 30d back.")
@click.option("--until", "until_ns", type=MOMENT, help="Up to this moment, without it.")
@click.option("--rules", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Another configuration file, whose rules are tried.  [default: those in force]")
@click.option("--json", "form", flag_value="json", help="As JSON.")
@pass_context
def simulate_rules(context: Context, since_ns: int, until_ns: int | None, file: Path | None, form: str | None) -> None:
    """Say what the rules would have done with the history that there is. Nothing is sent, and nothing written.

    Each change counts as if it had come when it happened; pulls are not tried.
    """
    configured = read(file, File, secrets=False) if file else context.settings.file
    tried_rules = tuple(section.built() for section in configured.rules)
    with asking(context):
        pass  # there is a database to ask
    progress = Progress()
    days = ((until_ns or time.time_ns()) - since_ns) // DAY_NS

    def tell(changes: int, time_ns: int) -> None:
        progress(f"{changes} changes, days", (time_ns - since_ns) // DAY_NS, days)

    try:
        tried = simulate(context.engine, tried_rules, make_settle(configured), (since_ns, until_ns), tell)
    finally:
        progress.close()
    if form == "json":
        Output(None, "json").show_one(tried)
    else:
        _show_tried(tried)


def _show_tried(tried: Tried) -> None:
    click.echo(f"{tried.changes} changes, {tried.unmatched} of them for no rule", err=True)
    print_table([
        {"rule": rule.rule, "matched": rule.matched, "destination": would.destination, "changes": would.sent.changes,
         "sent": would.sent.deliveries, "held": would.sent.held, "superseded": would.sent.superseded,
         "refused": would.sent.refused}
        for rule in tried.rules for would in rule.destinations or (Would("nothing", Sent()),)
    ])
    examples = [
        {"rule": rule.rule, "destination": would.destination, "time": When(one.time_ns), "registry": one.registry,
         "repository": one.repository, "tags": list(one.tags), "digest": one.digest, "outcome": one.outcome}
        for rule in tried.rules for would in rule.destinations for one in would.sent.examples
    ]
    if examples:
        click.echo()
        print_table(examples)

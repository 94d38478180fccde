"""Which rules match a change, what came of it, and the text of the rule that made a delivery."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import A, B, add_delivery
from click.testing import CliRunner
from listener import Listener
from sqlalchemy import Engine

from app.cli import main
from app.domain.access import EVERYTHING, AccessScope
from app.domain.conditions import Condition
from app.domain.patterns import Regex
from app.domain.protected import Protected
from app.domain.rules import When
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.store import rule_texts
from app.store.engine import reading
from app.usecases.explain import explain, seen_from


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


def test_each_rule_says_what_it_makes_of_a_change(stage: Stage) -> None:
    stage.rules = [rule(), rule("other", tag="v*", alert=True), rule("chat", deploy=False, alert=True)]
    stage.happen()
    stage.fan_out()
    (change,) = stage.rows("changes")
    with reading(stage.engine) as connection:
        found = explain(connection, stage.rules, change.id)
    assert found is not None
    assert [(one.rule, one.matches, one.mismatch) for one in found.rules] == [
        ("web", True, None), ("other", False, "tag: stable does not match v*"), ("chat", True, None),
    ]  # fmt: skip
    assert found.outcome == "pending"
    deploy, alert = sorted(stage.deliveries(), key=lambda one: one.destination, reverse=True)
    assert [(one.destination, one.delivery, one.rule) for one in found.told] == [
        (ALERT, alert.id, "chat"), (DEPLOY, deploy.id, "web"),
    ]  # fmt: skip


def test_the_alarm_of_protected_tags_says_so_too(stage: Stage) -> None:
    alarm = Protected(None, (ALERT,), "abcdef012345")
    said = []
    for tag, digest in (("stable", A), ("v1.2.3", A), ("v1.2.3", B)):
        stage.happen(tag=tag, digest=digest)
        change = stage.rows("changes", "recorded_ns")[-1].id
        with reading(stage.engine) as connection:
            found = explain(connection, [], change, alarm)
        assert found is not None
        (one,) = found.rules
        assert (one.rule, one.version, one.destinations) == ("protected", "abcdef012345", (ALERT,))
        said.append(one.mismatch)
    assert said == [
        "tag: stable does not look like a release", "change: created is not moved or removed or restored", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "why"),
    [((), "tag: stable is not protected, no tag is"), (("v*", "2.*"), "tag: stable does not match v* or 2.*")],
)
def test_why_a_tag_is_not_protected(stage: Stage, tags: tuple[str, ...], why: str) -> None:
    stage.happen()
    with reading(stage.engine) as connection:
        found = explain(connection, [], stage.rows("changes")[0].id, Protected(tags, (ALERT,), "x"))
    assert found is not None
    assert found.rules[0].mismatch == why


@pytest.mark.parametrize(
    "subject", ["event:", "event:x", "event:-1", f"event:{'9' * 30}", "event:1", "delivery:msg_1:x"]
)
def test_what_is_no_change_and_no_pull_is_not_there(stage: Stage, subject: str) -> None:
    stage.happen()
    add_delivery(stage.engine, "msg_1")
    with reading(stage.engine) as connection:
        assert explain(connection, stage.rules, subject) is None


def test_a_scope_sees_no_rules_about_other_places(stage: Stage) -> None:
    stage.rules = [rule(), rule("other", repository="secret/*"), rule("tagged", tag="v*")]
    stage.happen()
    with reading(stage.engine) as connection:
        found = explain(connection, stage.rules, stage.rows("changes")[0].id)
    assert seen_from(EVERYTHING, found) == found
    seen = seen_from(AccessScope.parse(["registry.example:5000/shop/*"]), found)
    assert seen is not None
    assert [one.rule for one in seen.rules] == ["web", "tagged"]
    assert seen_from(AccessScope.parse(["registry.example:5000/other/*"]), found) is None


def test_a_scope_sees_no_place_that_is_named_in_a_nested_clause_or_an_expression(stage: Stage) -> None:
    vault, tagged = When(repository="secret/vault"), When(tag="v*", kinds=None, provenances=None)
    told = [
        When(some=(vault, tagged)), When(some=(tagged, vault)), When(every=(When(every=(vault,)),)),
        When(condition=Condition.parse('repository == "secret/vault"')),
        When(every=(When(condition=Condition.parse('true &&\nregistry + "/" + repository == "a/secret/vault"')),)),
        When(every=(tagged,)), When(condition=Condition.parse('actor == "repo"')),
    ]  # fmt: skip
    stage.rules = [replace(rule(f"{number}"), when=when) for number, when in enumerate(told)]
    stage.happen()
    with reading(stage.engine) as connection:
        found = explain(connection, stage.rules, stage.rows("changes")[0].id)
    seen = seen_from(AccessScope.parse(["registry.example:5000/shop/*"]), found)
    assert seen is not None
    assert [one.rule for one in seen.rules] == ["5", "6"]
    assert "secret" not in repr(seen)


def test_what_waits_for_more_has_no_delivery_yet(stage: Stage) -> None:
    stage.settled = Settle(2 * SECOND_NS, 30 * SECOND_NS)
    stage.happen()
    stage.fan_out()
    (change,) = stage.rows("changes")
    with reading(stage.engine) as connection:
        found = explain(connection, stage.rules, change.id)
        assert explain(connection, stage.rules, "no such change") is None
    assert found is not None
    assert [(one.destination, one.delivery, one.status) for one in found.told] == [(DEPLOY, None, "settling")]


def test_what_has_moved_on_says_so(stage: Stage) -> None:
    stage.happen(5)
    stage.happen(digest=B)
    first, _second = stage.rows("changes", "time_ns")
    with reading(stage.engine) as connection:
        found = explain(connection, stage.rules, first.id)
    assert found is not None
    assert found.outcome == "superseded: the tag moved on"
    assert found.rules[0].matches


def test_the_text_of_the_rule_is_kept_that_led_to_something(stage: Stage) -> None:
    stage.rules = [rule(text="name: web\n"), rule("idle", text="name: idle\n", version="idle00000000", tag="v*")]
    for digest in (A, B):
        stage.happen(digest=digest)
        stage.fan_out()
    with reading(stage.engine) as connection:
        kept = rule_texts.get(connection, stage.rules[0].version)
        assert rule_texts.get(connection, "idle00000000") is None
    assert kept is not None
    assert kept[0] == "name: web\n"


def test_named_groups_and_causes_are_told(stage: Stage) -> None:
    stage.rules = [rule(repository=Regex("(?P<team>[a-z]+)/(?P<app>.+)"), actions=frozenset({"push"}))]
    stage.happen()
    assert stage.fan_out() == {DEPLOY}
    stage.rules = [rule(actions=frozenset({"delete"}))]
    stage.happen(digest=B)
    assert stage.fan_out() == set()


def test_platforms_are_those_that_the_event_names(stage: Stage) -> None:
    children = [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1,
         "platform": {"os": "linux", "architecture": name}}
        for digest, name in ((A, "amd64"), (B, "arm64"))
    ]  # fmt: skip
    stage.rules = [rule(platform="linux/arm*")]
    stage.happen()
    assert stage.fan_out() == set()
    stage.happen(digest=B, references=children)
    assert stage.fan_out() == {DEPLOY}


@pytest.fixture
def commands(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Path:
    """A folder with a configuration whose rules the commands use; the database is the stage's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    configure(tmp_path / "tagtrail.yml", "v*")
    return tmp_path


def configure(path: Path, tag: str) -> None:
    path.write_text(
        "triggers:\n  web: {kind: webhook, url: 'http://127.0.0.1:9/'}\n"
        f"rules:\n  - {{name: web, when: {{repository: shop/web, tag: '{tag}'}}, deploy: [web]}}\n"
    )


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.output


def test_the_command_explains_a_change_or_the_last_of_a_tag(stage: Stage, commands: Path) -> None:
    stage.happen()
    stage.fan_out()
    (change,) = stage.rows("changes")
    (delivery,) = stage.deliveries()
    for asked in (change.id, "shop/web:stable"):
        said = run("rules", "explain", asked)
        assert "tag: stable does not match v*" in said
        assert delivery.id in said
    found = json.loads(run("rules", "explain", change.id, "--json"))
    assert found["change"]["change_id"] == change.id
    assert "nothing is known" in run("rules", "explain", "shop/web:never", status=1)
    assert "no change" in run("rules", "explain", "f" * 32, status=1)


def test_the_command_shows_a_rule_by_its_version(stage: Stage, commands: Path) -> None:
    stage.rules = [rule(text="name: web  # as it was\n")]
    stage.happen()
    stage.fan_out()
    assert run("rules", "show", stage.rules[0].version) == "name: web  # as it was\n"
    assert "tag: v*" in run("rules", "show", "web")
    assert "no rule had the version" in run("rules", "show", "0" * 12, status=1)
    (delivery,) = stage.deliveries()
    assert json.loads(run("deliveries", delivery.id, "--json"))["rule_text"] == "name: web  # as it was\n"


def test_the_command_tries_rules_on_history_and_sends_nothing(stage: Stage, commands: Path) -> None:
    for ago, tag, digest in ((600, "v1.0.0", A), (500, "stable", A), (400, "v1.0.0", B)):
        stage.happen(ago, tag=tag, digest=digest)
    configure(commands / "other.yml", "stable")
    tried = json.loads(run("rules", "simulate", "--since", "1h", "--json"))
    assert (tried["changes"], tried["unmatched"]) == (3, 1)
    (web,) = tried["rules"][0]["destinations"]
    assert (web["destination"], web["sent"]["changes"], web["sent"]["deliveries"]) == (DEPLOY, 2, 2)
    assert [one["digest"] for one in web["sent"]["examples"]] == [A, B]
    other = json.loads(run("rules", "simulate", "--since", "1h", "--rules", "other.yml", "--json"))
    assert other["rules"][0]["matched"] == 1
    assert "v1.0.0" in run("rules", "simulate", "--since", "1h")
    assert json.loads(run("rules", "simulate", "--since", "450s", "--json"))["changes"] == 1
    assert stage.deliveries() == []
    assert stage.rows("windows") == []

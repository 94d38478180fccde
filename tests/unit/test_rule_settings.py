"""Rules as they stand in `tagtrail.yml`: what they become, and what is said of those that can't be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import told

from app.domain.openings import Opening
from app.domain.orders import Semver, Sorted
from app.domain.patterns import Regex
from app.domain.rules import Rule, groups_of, mismatch
from app.domain.versions import Range
from app.settings import ConfigurationError, Settings, load
from app.settings.rules import check_days, check_zone, minute_of_day

Configure = Callable[[str], Settings]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    def configured(text: str) -> Settings:
        (tmp_path / "tagtrail.yml").write_text(text)
        monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
        monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
        return load()

    return configured


def the_rule(configure: Configure, clauses: str) -> Rule:
    (rule,) = configure(f"rules:\n  - name: web\n{clauses}").rules
    return rule


def test_every_clause_of_a_rule(configure: Configure) -> None:
    rule = the_rule(
        configure,
        "    when:\n"
        "      registry: '*.example:5000'\n"
        "      repository: {regex: '(?P<team>[a-z]+)/(?P<app>.+)'}\n"
        "      tag: {semver: '>=2 <3', level: minor, prerelease: true, force: true}\n"
        "      actor: {regex: 'al.*'}\n"
        "      action: [push]\n"
        "      platform: linux/amd64\n"
        "      expr: kind == 'moved'\n"
        "      any: [{tag: stable}, {tag: 'v*'}]\n"
        "      not: {actor: bot}\n",
    )
    assert rule.when.registry == "*.example:5000"
    assert rule.when.tag == Semver(Range.parse(">=2 <3"), "minor", True, True)
    match = told(action="push", platforms=frozenset({"linux/amd64"}))
    assert mismatch(rule.when, match) is None
    assert groups_of(rule.when, match) == {"team": "shop", "app": "web"}
    for changed, why in (
        ({"actor": "bot"}, "actor: bot does not match al.*"),
        ({"action": "delete"}, "action: delete is not push"),
        ({"action": None}, "action: none is known"),
        ({"platforms": None}, "platform: the event doesn't say"),
        ({"platforms": frozenset({"linux/arm64"})}, "platform: linux/arm64 does not match linux/amd64"),
        ({"tag": "latest"}, "any: tag: latest does not match stable; tag: latest does not match v*"),
        ({"tag": "3.0.0"}, "tag: 3.0.0 is not in >=2 <3"),
        ({"kind": "created"}, "expr: kind == 'moved' is false"),
    ):
        assert mismatch(rule.when, told(**{"action": "push", "platforms": match.platforms} | changed)) == why


def test_orders_windows_and_the_rest(configure: Configure) -> None:
    rule = the_rule(
        configure,
        "    when: {tag: {numerical: desc, extract: 'b-([0-9]+)'}}\n"
        "    windows:\n"
        "      - {days: [mon-wed, sun], from: '22:00', to: 06:30, zone: Europe/Berlin}\n"
        "      - {from: 9:00, to: 17:00}\n"
        "    paused: true\n    approve: 4h\n    allow_downgrade: true\n    confirm: false\n",
    )
    assert rule.when.tag == Sorted("numerical", True, Regex("b-([0-9]+)"))
    assert rule.windows == (
        Opening(frozenset({0, 1, 2, 6}), 22 * 60, 6 * 60 + 30, "Europe/Berlin"),
        Opening(frozenset(range(7)), 9 * 60, 17 * 60, "UTC"),
    )
    assert (rule.paused, rule.approve_ns, rule.allow_downgrade, rule.confirm) == (True, 4 * 3600 * 10**9, True, False)


def test_the_version_is_that_of_the_text(configure: Configure) -> None:
    first = the_rule(configure, "    when: {tag: a}  # a comment\n    approve: 4h\n")
    assert first.text == "name: web\nwhen:\n  tag: a\napprove: 4h\n"
    assert the_rule(configure, "    approve: 4h\n    when:\n      tag: a\n").version != first.version
    assert the_rule(configure, "    when:\n      tag: a\n    approve: 4h\n").version == first.version
    again = the_rule(configure, "".join(f"    {line}\n" for line in first.text.splitlines()[1:]))
    assert again == first


@pytest.mark.parametrize(
    ("clauses", "complaint"),
    [
        ("when: {repository: {regx: a}}", "when.repository.regx: unknown key 'regx'; did you mean 'regex'?"),
        ("when: {repository: {regex: '(a'}}", "when.repository.regex: not a regular expression: missing ): (a"),
        ("when: {repository: {regex: a, glob: b}}", "when.repository: give one of glob, regex"),
        ("when: {tag: {}}", "when.tag: give one of glob, regex, semver, alphabetical, numerical"),
        (
            "when: {tag: {semver: '>=latest'}}",
            "when.tag.semver: not a range of versions: '>=latest' breaks at '>=latest'",
        ),
        ("when: {tag: {semver: '>=2', level: big}}", "when.tag.level: Input should be 'major', 'minor' or 'patch'"),
        ("when: {tag: {glob: a, level: minor}}", "when.tag: level, prerelease and force go with semver"),
        ("when: {tag: {semver: '>=2.0.0-rc.1'}}", "when.tag: the range names a prerelease; add prerelease: true"),
        ("when: {tag: {regex: a, extract: '(b)'}}", "when.tag: extract goes with alphabetical or numerical"),
        ("when: {tag: {numerical: asc, extract: b}}", "when.tag: extract has one group"),
        ("when: {expr: 'kynd == 1'}", "when.expr: no name 'kynd'"),
        ("when: {expr: 'kind =='}", "when.expr: not an expression of CEL"),
        ("when: {any: [{tga: a}]}", "when.any.0.tga: unknown key 'tga'; did you mean 'tag'?"),
        ("when: {any: [{change: [removed]}]}", "when.any.0.change: removed never comes here"),
        ("when: {all: [{any: [{provenance: [derived]}]}]}", "when.all.0.any.0.provenance: derived never comes here"),
        ("when: {any: [{tag: {semver: '1', level: minor}}]}", "level belongs to the rule's own tag:"),
        ("windows: [{from: '9', to: '10:00'}]", "windows.0.from: a time of day is written as '09:30'"),
        ("windows: [{from: '09:00', to: '25:00'}]", "windows.0.to: a time of day"),
        ("windows: [{from: '09:00', to: '10:00', days: [mo]}]", "windows.0.days.0: 'mo' is no day"),
        ("windows: [{from: '09:00', to: '10:00', zone: Berlin}]", "windows.0.zone: no time zone is called 'Berlin'"),
        ("approve: 0s", "approve: Input should be greater than 0"),
        (
            "when: {change: [moved, pulled]}\n    deploy: [web]",
            "when.change.1: a pull moves no tag, so nothing is deployed for it; have a rule of its own tell of pulls",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_its_line(configure: Configure, clauses: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        the_rule(configure, f"    {clauses}\n")
    assert "tagtrail.yml:3: rules.0." in str(refused.value)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("clauses", "named"), [("origin: 'pro*'", True), ("registry: {regex: 'p.*'}", True), ("tag: a", False)]
)
def test_a_pattern_names_the_origins_that_it_matches(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, clauses: str, named: bool
) -> None:
    text = (
        "origins:\n  prod: {kind: distribution, auth: {bearer: '${env:PROD_SECRET}'}}\n"
        "  test: {kind: distribution, insecure: x}\n"
        "triggers: {web: {kind: webhook, url: 'http://127.0.0.1:9/'}}\n"
        f"rules: [{{name: a, deploy: [web], when: {{{clauses}}}}}]\n"
    )
    monkeypatch.setenv("PROD_SECRET", "0123456789abcdef0123456789abcdef")
    if named:
        assert configure(text).rules
        with pytest.raises(ConfigurationError, match="on the word of 'test'"):
            configure(text.replace(clauses, "registry: '*'"))
    else:
        with pytest.raises(ConfigurationError, match="deploys for any of several origins"):
            configure(text)


@given(st.text(max_size=12) | st.integers() | st.booleans() | st.none())
def test_any_time_of_day_is_one_or_refused(clock: object) -> None:
    try:
        assert 0 <= minute_of_day(clock) <= 1440
    except ValueError:
        assert clock not in ("00:00", "24:00", "9:05")


@given(st.text(max_size=12) | st.from_regex(r"(mon|fri|sun|x)(-(mon|fri|sun|x))?", fullmatch=True))
def test_any_days_are_days_or_refused(text: str) -> None:
    try:
        assert check_days(text) == text
    except ValueError:
        assert text not in ("mon", "fri-mon")


def test_zones_are_those_of_the_tz_database() -> None:
    assert check_zone("America/Argentina/Ushuaia")
    for wrong in ("CEST", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            check_zone(wrong)

"""A registry is walked, and history learns what events missed (issue 3, decision 7)."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acting import DEPLOY, Stage, rule
from builders import A, B
from click.testing import CliRunner
from listener import Heard, Listener, Reply
from peer import PASSWORD, docker_registry, htpasswd
from sqlalchemy import Engine

from app.cli import main
from app.domain.reconciling import Walked
from app.outbound import Door, OutboundError
from app.remote.access import Trust
from app.remote.client import RemoteRegistry
from app.remote.credentials import Login
from app.remote.image import MANIFEST, make_image
from app.remote.push import push_image
from app.usecases.reconcile import Asked, Means, reconcile

REGISTRY = "registry.example:5000"


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


class Fake:
    """A registry that has what `tags` says: repository to tag to digest. `broken`: what it answers instead, by path."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.broken: dict[str, Reply] = {}
        self.catalog = True

    def __call__(self, heard: Heard) -> Reply:
        path = heard.path
        if path in self.broken:
            return self.broken[path]
        if path == "/v2/_catalog":
            listed = json.dumps({"repositories": list(self.tags)}).encode()
            return Reply(200, {}, listed) if self.catalog else Reply(404)
        repository, _, tag = path.removeprefix("/v2/").rpartition("/")
        repository = repository.rpartition("/")[0]
        if repository not in self.tags:
            return Reply(404, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
        if path.endswith("/tags/list"):
            return Reply(200, {}, json.dumps({"tags": list(self.tags[repository])}).encode())
        digest = self.tags[repository].get(tag)
        headers = {"Docker-Content-Digest": digest or "", "Content-Type": MANIFEST, "Content-Length": "7"}
        return Reply(200, headers) if digest else Reply(404)


@pytest.fixture
def fake() -> Iterator[tuple[Fake, str]]:
    registry = Fake()
    with Listener(answer=registry) as listener:
        yield registry, listener.url


Walk = Callable[..., Walked]


@pytest.fixture
def walk(stage: Stage, fake: tuple[Fake, str]) -> Walk:
    """Reconcile with the fake registry; nothing is waited for, unless `wait` says what happens then."""

    def once(pattern: str | None = None, write: bool = True, wait: Callable[[float], None] = lambda _: None) -> Walked:
        means = Means(stage.engine, RemoteRegistry(stage.door, fake[1]), stage.policy, wait=wait)
        return reconcile(Asked("prod", REGISTRY, pattern, write), means, "os:ann")

    return once


def lines(stage: Stage) -> list[tuple[str, str, str, str, str]]:
    rows = stage.rows("changes", "repository", "tag", "time_ns")
    return [(row.repository, row.tag, row.kind, row.after, row.provenance) for row in rows]


def differences(walked: Walked) -> list[tuple[str, str, str, str]]:
    return [(one.repository, one.tag, one.before, one.after) for one in walked.differences]


def test_what_events_missed_is_added(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    for tag in ("gone", "moved", "same"):
        stage.happen(ago_s=300, tag=tag)
    stage.happen(ago_s=300, tag="back")
    stage.happen(ago_s=299, tag="back", action="delete", digest=None)
    fake[0].tags = {"shop/web": {"moved": B, "same": A, "new": B, "back": A}, "shop/api": {"v1": A}}
    walked = walk()
    assert differences(walked) == [
        ("shop/api", "v1", "unknown", A), ("shop/web", "back", "absent", A), ("shop/web", "gone", A, "absent"),
        ("shop/web", "moved", A, B), ("shop/web", "new", "unknown", B),
    ]
    assert (walked.repositories, walked.tags, walked.complete) == (2, 6, True)
    found = [line for line in lines(stage) if line[4] == "reconciled"]
    assert [(kind, tag) for _repository, tag, kind, _after, _known in found] == [
        ("created", "v1"), ("restored", "back"), ("removed", "gone"), ("moved", "moved"), ("created", "new"),
    ]
    assert differences(walk()) == []


def test_a_removal_says_between_when_it_happened(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    stage.happen(ago_s=300)
    fake[0].tags = {"shop/web": {}}
    (found,) = walk().differences
    (pushed, event, _record) = stage.rows("events", "seq")
    told = json.loads(event.raw)
    assert (event.action, event.origin, event.flags, event.digest) == ("observe", "tagtrail", "reconciled", None)
    assert found.since_ns == pushed.time_ns
    assert found.until_ns == event.time_ns
    assert told["since"] < told["until"] == told["asked"]
    assert (told["before"], told["after"], told["origin"]) == (A, "absent", "prod")


def test_a_walk_is_recorded(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    fake[0].tags = {"shop/web": {"stable": A}}
    walk()
    walk(pattern="shop/*")
    records = [row for row in stage.rows("events", "seq") if row.scope is None]
    assert [row.flags for row in records] == ["reconcile", "reconcile partial"]
    assert [json.loads(row.raw)["differences"] for row in records] == [1, 0]


def test_a_dry_run_writes_nothing(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    fake[0].tags = {"shop/web": {"stable": A}}
    assert differences(walk(write=False)) == [("shop/web", "stable", "unknown", A)]
    assert stage.rows("events", "seq") == []


def test_only_what_is_asked_for_is_walked(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    fake[0].tags = {"shop/web": {"stable": A}, "shop/api/v2": {"stable": A}, "other": {"stable": A}}
    assert [one.repository for one in walk("shop/*").differences] == ["shop/web"]


TAGS = "/v2/shop/web/tags/list"
MANIFEST_PATH = "/v2/shop/web/manifests/stable"
MORE = Reply(200, {"Link": f'<{TAGS}?last=a>; rel="next"'}, b'{"tags": []}')


@pytest.mark.parametrize(
    "broken",
    [
        {TAGS: Reply(500)},
        {TAGS: Reply(401)},
        {TAGS: Reply(404, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')},
        {TAGS: Reply(200, {}, b"<html>")},
        {TAGS: MORE, f"{TAGS}?last=a": Reply(500)},
        {TAGS: Reply(200, {}, b'{"tags": []}'), MANIFEST_PATH: Reply(500)},
        {TAGS: Reply(200, {}, b'{"tags": []}'), MANIFEST_PATH: Reply(403)},
        {TAGS: Reply(200, {}, b'{"tags": ["stable"]}'), MANIFEST_PATH: Reply(404)},
    ],
    ids=lambda broken: " ".join(f"{path.rpartition('/')[2]}={reply.status}" for path, reply in broken.items()),
)
def test_what_could_not_be_asked_removes_nothing(
    stage: Stage, fake: tuple[Fake, str], walk: Walk, broken: dict[str, Reply]
) -> None:
    stage.happen(ago_s=300)
    fake[0].tags = {"shop/web": {}, "shop/api": {"v1": B}}
    fake[0].broken = broken
    walked = walk()
    assert differences(walked) == [("shop/api", "v1", "unknown", B)], "the rest is walked all the same"
    assert len(walked.failures) == 1
    assert not walked.complete
    assert [row.digest for row in stage.rows("tags", "repository")] == [B, A]


def test_a_tag_that_only_the_list_forgot_stays(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    stage.happen(ago_s=300)
    fake[0].tags = {"shop/web": {"stable": A}}
    fake[0].broken = {TAGS: Reply(200, {}, b'{"tags": null}')}
    walked = walk()
    assert differences(walked) == []
    assert walked.complete


def test_a_repository_is_gone_when_catalog_and_list_agree(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    stage.happen(ago_s=300)
    fake[0].catalog = False
    assert differences(walk()) == []
    fake[0].catalog = True
    assert differences(walk()) == [("shop/web", "stable", A, "absent")]


def test_without_a_catalog_the_repositories_of_events_are_walked(
    stage: Stage, fake: tuple[Fake, str], walk: Walk
) -> None:
    fake[0].tags = {"shop/web": {"stable": B}, "shop/api": {"v1": A}, "never/heard-of": {"v1": A}}
    fake[0].catalog = False
    stage.happen(ago_s=300)
    stage.happen(ago_s=300, repository="shop/api", tag=None, action="pull")
    assert [one.repository for one in walk().differences] == ["shop/api", "shop/web"]


def test_nobody_there_changes_nothing(stage: Stage) -> None:
    stage.happen(ago_s=300)
    with Listener() as listener:
        url = listener.url
    with pytest.raises(OutboundError):
        reconcile(Asked("prod", REGISTRY), Means(stage.engine, RemoteRegistry(stage.door, url), stage.policy), "os:ann")
    assert len(stage.rows("events", "seq")) == 1


def test_what_contradicts_a_young_event_is_asked_again(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    """The list was old, and the push is younger than a minute: the second answer agrees with it."""
    stage.happen(ago_s=5)
    fake[0].tags = {"shop/web": {"stable": B}}
    waited: list[float] = []

    def catch_up(seconds: float) -> None:
        waited.append(seconds)
        fake[0].tags = {"shop/web": {"stable": A}}

    walked = walk(wait=catch_up)
    assert (differences(walked), walked.tags) == ([], 1)
    assert waited == [60.0]
    assert [line[4] for line in lines(stage)] == ["observed"]


def test_what_still_moves_is_left_alone(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    stage.happen(ago_s=5)
    fake[0].tags = {"shop/web": {"stable": B}}
    walked = walk()
    assert (differences(walked), walked.moving, walked.complete) == ([], ["shop/web:stable"], False)


def test_what_stays_different_is_written_after_a_minute(
    stage: Stage, fake: tuple[Fake, str], walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.happen(ago_s=5)
    fake[0].tags = {"shop/web": {}}
    clock = [0]
    now = time.time_ns
    monkeypatch.setattr("app.usecases.reconcile.time.time_ns", lambda: now() + clock[0])

    def pass_by(seconds: float) -> None:
        clock[0] = int(seconds * 1e9)

    assert differences(walk(wait=pass_by)) == [("shop/web", "stable", A, "absent")]


def test_an_event_of_the_future_is_not_contradicted(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    """The registry's clock is ahead: an answer would stand before it and change nothing, at each walk again."""
    stage.happen(ago_s=-600)
    fake[0].tags = {"shop/web": {"stable": B}}
    assert walk().moving == ["shop/web:stable"]


def test_reconciled_changes_deploy_only_where_a_rule_says_so(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    fake[0].tags = {"shop/web": {"stable": A}}
    walk()
    assert stage.fan_out() == set()
    stage.rules = [rule(provenances=frozenset({"reconciled"}))]
    fake[0].tags = {"shop/web": {"stable": B}}
    walk_at = walk(wait=lambda _: None)
    assert walk_at.moving == ["shop/web:stable"], "what was just written is young, too"


def test_a_reconciled_move_is_deployed_where_a_rule_asks(stage: Stage, fake: tuple[Fake, str], walk: Walk) -> None:
    stage.rules = [rule(provenances=frozenset({"reconciled"}))]
    stage.happen(ago_s=300)
    fake[0].tags = {"shop/web": {"stable": B}}
    walk()
    assert stage.fan_out() == {DEPLOY}
    stage.deliver()
    assert stage.moves() == [("tag.moved", "stable", B)]


def test_a_real_registry_that_wants_a_password(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """Through the command line: a registry that never told anybody anything."""
    images = [make_image(seed) for seed in ("one", "two")]
    with docker_registry(tmp_path, htpasswd(tmp_path)) as registry:
        remote = RemoteRegistry(stage.door, registry, Trust(lambda: Login("alice", PASSWORD)))
        for tag, image in zip(("v1", "v2"), images, strict=True):
            push_image(remote, "shop/web", tag, image)
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("PEER_PASSWORD", PASSWORD)
        monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
        (tmp_path / "tagtrail.yml").write_text(
            f"origins: {{prod: {{kind: distribution, registries: ['{REGISTRY}'], insecure: test}}}}\n"
            f"registries:\n  {REGISTRY}:\n    url: http://{registry}\n"
            '    credentials: {username: alice, password: "${env:PEER_PASSWORD}"}\n'
        )
        done = CliRunner().invoke(main, ["reconcile", "prod", "--json"])
        assert done.exit_code == 0, done.output
        (walked,) = json.loads(done.stdout)
        assert walked["complete"]
        assert [(one["tag"], one["after"]) for one in walked["differences"]] == [
            ("v1", str(images[0].digest)), ("v2", str(images[1].digest))
        ]
        remote.delete_manifest("shop/web", images[1].digest)
        monkeypatch.setattr("app.domain.reconciling.FRESH_NS", 0)
        done = CliRunner().invoke(main, ["reconcile", "prod"])
        assert done.exit_code == 0, done.output
        assert f"shop/web    v2   {images[1].digest}  absent" in done.stdout
        assert "2 tags in 1 repositories, 1 differed" in done.stderr
    assert PASSWORD not in done.output
    told = CliRunner().invoke(main, ["history", f"{REGISTRY}/shop/web:v2", "--json"])
    assert [(line["kind"], line["provenance"]) for line in json.loads(told.stdout)] == [
        ("removed", "reconciled"), ("created", "reconciled")
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody",), "no origin is called 'nobody'; there are: prod"),
        (("prod",), "registry.example:5000 may not be asked; let it: registries:"),
        (("prod", "--registry", "ghcr.io"), "prod does not write history of 'ghcr.io', only of registry.example:5000"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str, arguments: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
    (tmp_path / "tagtrail.yml").write_text(
        f"origins: {{prod: {{kind: distribution, registries: ['{REGISTRY}'], insecure: test}}}}\n"
    )
    done = CliRunner().invoke(main, ["reconcile", *arguments])
    assert done.exit_code == 1
    assert complaint in done.output


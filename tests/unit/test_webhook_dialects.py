"""Every documented shape of Harbor, Quay, Docker Hub, GHCR, Gitea, Azure and MSR, read to its fields."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from origins_on_disk import kinds, names, received

from app.domain.events import Report, Scope, accept
from app.domain.times import from_unix
from app.envelopes import Received, parse

WEB = "sha256:4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2"
API = "sha256:14c2529eb4498c5d1ffd6915d05bf58a91bdda796af59f41d480d11c099d0479"
CHILD = "sha256:98f3ae1ef67113d8140d4f6cb8d2830070e21ea48f091be519659846c771a374"
OCI = "application/vnd.oci.image.manifest.v1+json"
T = 1772439330 * 10**9
"""2026-03-02T08:15:30Z"""
YEAR_1 = -62135596800 * 10**9
MINUTE, DAY = 60 * 10**9, 86_400 * 10**9

Fields = dict[str, Any]


def told(action: str, scope: Scope | None = None, **other: Any) -> Fields:
    return {"action": action, "scope": scope, "repository": "shop/web", "tag": "2.4.1", "digest": WEB} | other


def harbor(action: str, scope: Scope | None = None, actor: str | None = "deploy", **other: Any) -> Fields:
    return told(action, scope, actor=actor, **{"host": "harbor.acme.example", "time_ns": T} | other)


def cloud(last: int, action: str, scope: Scope | None = None, actor: str | None = "deploy", **other: Any) -> Fields:
    ids = {"id": f"b0f0d6a1-6d7e-4a0e-8e51-3c27f0a1c0{last:02d}"}
    return harbor(action, scope, actor, **ids, request_id=f"5a1d3f60-9b42-4f7b-a7c1-90be12d4e0{last:02d}", **other)


def quay(action: str, **other: Any) -> Fields:
    return told(action, **{"digest": None, "host": "quay.acme.example"} | other)


def hub(**other: Any) -> Fields:
    return told("push", digest=None, **{"host": "docker.io", "actor": "deploy", "time_ns": T} | other)


def github(last: int, action: str, scope: Scope | None = None, **other: Any) -> Fields:
    known = {"request_id": f"72d3162e-cc78-11e3-81ab-4c9367dc09{last:02d}", "host": "ghcr.io", "actor": "octo-dev"}
    return told(action, scope, **known | {"time_ns": T, "media_type": OCI, "size": 1157} | other)


def gitea(last: int, action: str, scope: Scope | None = None, **other: Any) -> Fields:
    known = {"request_id": f"0c9f2a6e-5b1d-4f3c-9e7a-2d8b4c6f10{last:02d}", "host": "git.acme.example:3000"}
    return told(action, scope, **known | {"actor": "deploy", "time_ns": T, "digest": None} | other)


def acr(last: int, action: str, scope: Scope | None = None, method: str | None = "PUT", **other: Any) -> Fields:
    known: Fields = {"id": f"cb8c3971-9adc-488b-bdd8-43cbb49700{last:02d}", "time_ns": T + 276_585_742}
    if method:
        known |= {"media_type": OCI, "size": None if method == "DELETE" else 1157, "host": "acmeshop.azurecr.io"}
        known |= {"request_id": f"3cbb6949-7549-4fa1-86cd-a6d5451d00{last:02d}", "request_method": method}
        known |= {"user_agent": "containerd/2.0.2"}
    return told(action, scope, **known | other)


def grid(last: int, action: str, scope: Scope | None = None, method: str | None = "PUT", **other: Any) -> Fields:
    return acr(last + 10, action, scope, method, **{"id": f"831e1650-001e-001b-66ab-eeb76e0600{last:02d}"} | other)


def msr(action: str, scope: Scope | None = None, **other: Any) -> Fields:
    return told(action, scope, **{"host": "msr.acme.example", "actor": "deploy", "time_ns": T} | other)


MADE: Fields = {"time_ns": T + 1_607_337_713}
"""When MSR made the call, where what it tells has no time of its own."""
REPOSITORY: Fields = {"host": None, "actor": "admin", "tag": None, "digest": None}
LATER: Fields = {"time_ns": T + MINUTE}
NOTHING: Fields = {"repository": "", "tag": None, "digest": None}
PLAIN: Fields = {"host": None, "time_ns": None, "media_type": None, "size": None}
UNTAGGED: Fields = {"tag": None}
UNRESOLVED: Fields = {"digest": None}
HELM = "application/vnd.acr.helm.chart"
CHART: Fields = {"repository": "repo", "tag": "web-0.3.0.tgz", "digest": API, "size": 25265, "media_type": HELM}
CI, JOB, TRIVY = "robot$shop+ci", "harbor-jobservice", "robot$shop+Trivy-0f2b7c51"

SHAPES: dict[str, dict[str, list[Fields]]] = {
    "harbor": {
        "push": [harbor("push", Scope.TAG)],
        "push-by-digest": [harbor("push", actor=CI, **UNTAGGED)],
        "push-proxy-cache": [harbor("push", actor="harbor#proxy-cache-service", **UNTAGGED)],
        "pull": [harbor("pull", actor=TRIVY)],
        "delete": [harbor("delete", Scope.MANIFEST, JOB, **UNTAGGED, **LATER)],
        "delete-untagged": [harbor("delete", Scope.MANIFEST, None, **UNTAGGED, **LATER)],
        "push-image-of-harbor-1": [
            harbor("push", Scope.TAG, ordinal=0),
            harbor("push", Scope.TAG, ordinal=1, tag="2.4"),
        ],
        "delete-image-of-harbor-1": [harbor("delete", Scope.TAG, **UNRESOLVED, **LATER)],
        "upload-chart": [harbor("upload-chart", tag="0.3.0", **UNRESOLVED)],
        "quota-exceeded": [harbor("quota-exceeded", actor=None, host=None, **UNTAGGED)],
        "scan-completed": [harbor("scan-completed", actor="auto", **UNTAGGED)],
        "replication": [harbor("replication-status-changed", actor="MANUAL", **NOTHING)],
        "retention": [
            harbor("tag-retention-finished", actor="SCHEDULE", ordinal=0, tag="2.3.0", **UNRESOLVED),
            harbor("tag-retention-finished", actor="SCHEDULE", ordinal=1, tag=None, digest=API),
        ],
        "retention-of-nothing": [harbor("tag-retention-finished", actor="SCHEDULE", **NOTHING)],
        "cloudevent-push": [cloud(1, "push", Scope.TAG)],
        "cloudevent-push-by-digest": [cloud(2, "push", actor=JOB, **UNTAGGED)],
        "cloudevent-push-two": [
            cloud(3, "push", Scope.TAG, ordinal=0),
            cloud(3, "push", Scope.TAG, ordinal=1, tag="2.4"),
        ],
        "cloudevent-pull": [cloud(4, "pull", actor=TRIVY)],
        "cloudevent-delete": [cloud(5, "delete", Scope.MANIFEST, JOB, **UNTAGGED, **LATER)],
        "cloudevent-quota-exceeded": [cloud(6, "quota-exceeded", actor=None, host=None, **UNTAGGED)],
        "cloudevent-scan-completed": [cloud(7, "scan-completed", actor="auto", **UNTAGGED)],
        "cloudevent-replication": [cloud(8, "replication-status-changed", actor="MANUAL", **NOTHING)],
        "cloudevent-retention": [
            cloud(9, "tag-retention-finished", actor="SCHEDULE", tag="2.3.0", **UNRESOLVED)
        ],
    },
    "quay": {
        "push": [quay("push")],
        "push-of-many-tags": [
            quay("push", ordinal=0),
            quay("push", ordinal=1, tag="2.4"),
            quay("push", ordinal=2, tag="stable"),
        ],
        "push-without-tags": [quay("push", **UNTAGGED)],
        "push-legacy-map": [quay("push", ordinal=0), quay("push", ordinal=1, tag="2.4")],
        "build-queued": [quay("build", **UNTAGGED)],
        "vulnerability-found": [quay("vulnerability-found", **UNTAGGED)],
        "mirror-started": [quay("mirror-sync", **UNTAGGED)],
        "image-expiry": [quay("expiry", **UNTAGGED)],
    },
    "dockerhub": {
        "push": [hub()],
        "push-with-media-type": [hub(media_type=OCI)],
        "push-at-a-float": [hub()],
        "push-at-a-fraction": [hub(time_ns=T + 123_457_000)],
    },
    "ghcr": {
        "package-published": [github(1, "push", Scope.TAG)],
        "package-published-child": [github(2, "push", tag=None, digest=CHILD)],
        "package-published-in-year-1": [github(3, "push", Scope.TAG, time_ns=YEAR_1)],
        "package-updated": [github(4, "push", Scope.TAG, tag="stable", actor="github-actions[bot]")],
        "registry-package-published": [github(5, "push", Scope.TAG)],
        "package-create-of-2020": [github(6, "push", Scope.TAG)],
        "registry-package-of-docker-pkg": [github(7, "push", media_type=None, size=None, **UNRESOLVED)],
        "package-published-npm": [github(8, "npm-package-published", **NOTHING, **PLAIN)],
        "package-published-masked": [github(9, "push", flags=("bad-digest",), **UNRESOLVED)],
        "ping": [github(10, "ping", **NOTHING, **PLAIN)],
        "git-push": [github(11, "github-push", **NOTHING, **PLAIN)],
    },
    "gitea": {
        "created-tag": [gitea(1, "push")],
        "created-digest": [gitea(2, "push", tag=None, digest=WEB)],
        "deleted-tag": [gitea(3, "delete", Scope.TAG, time_ns=None)],
        "deleted-digest": [gitea(4, "delete", Scope.MANIFEST, time_ns=None, tag=None, digest=WEB)],
        "created-tag-forgejo": [gitea(5, "push")],
        "created-npm": [gitea(6, "npm-package-created", time_ns=None, **NOTHING)],
        "created-without-time": [gitea(7, "push", time_ns=YEAR_1, host=None)],
        "git-push": [gitea(8, "gitea-push", host=None, time_ns=None, **NOTHING)],
    },
    "acr": {
        "push": [acr(1, "push", Scope.TAG)],
        "push-masked": [acr(2, "push", flags=("bad-digest",), **UNRESOLVED)],
        "push-untagged": [acr(3, "push", **UNTAGGED)],
        "delete": [acr(4, "delete", Scope.MANIFEST, "DELETE", **UNTAGGED, time_ns=T + MINUTE + 276_585_742)],
        "chart-push": [acr(5, "chart-push", None, None, **CHART)],
        "chart-delete": [acr(6, "chart-delete", None, None, **CHART)],
        "ping": [acr(7, "ping", None, None, **NOTHING)],
        "quarantine": [acr(8, "quarantine")],
        "grid-cloudevent-pushed": [grid(1, "push", Scope.TAG, actor="deploy")],
        "grid-cloudevents-pushed-and-deleted": [
            grid(2, "push", Scope.TAG),
            grid(3, "delete", Scope.MANIFEST, "DELETE", **UNTAGGED, time_ns=T + MINUTE + 276_585_742),
        ],
        "grid-pushed": [grid(4, "push", Scope.TAG)],
        "grid-deleted": [grid(5, "delete", Scope.MANIFEST, "DELETE", **UNTAGGED, time_ns=T + MINUTE + 276_585_742)],
        "grid-chart-pushed": [grid(6, "chart-push", None, None, **CHART)],
    },
    "msr": {
        "tag-push": [msr("push", Scope.TAG)],
        "tag-push-without-host": [msr("push", Scope.TAG, host=None, actor=None)],
        "tag-pull": [msr("pull", **MADE)],
        "tag-delete": [msr("delete", Scope.TAG, **UNRESOLVED, **LATER)],
        "manifest-push": [msr("push", **UNTAGGED, **MADE)],
        "manifest-delete": [msr("delete", Scope.MANIFEST, **UNTAGGED, **LATER)],
        "scan-completed": [msr("scan-completed", actor=None, **UNRESOLVED, **MADE)],
        "repo-created": [msr("repo-created", **REPOSITORY, **MADE)],
        "repo-deleted": [msr("delete", Scope.REPOSITORY, **REPOSITORY, time_ns=T + MINUTE + 1_607_337_713)],
        "scanner-updated": [msr("scanner-update-completed", host=None, actor=None, **NOTHING, **MADE)],
    },
}
"""What each fixture says; what is left out is None."""


def read(kind: str, name: str) -> tuple[Report, ...]:
    found = parse(kind, received(kind, name))
    assert (found.faults, found.answer) == ((), None)
    return found.reports


def id_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize("kind", SHAPES)
def test_every_fixture_is_listed(kind: str) -> None:
    assert sorted(SHAPES[kind]) == sorted(names(kind))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, shapes in SHAPES.items() for name in shapes])
def test_a_body_is_read_to_its_fields(kind: str, name: str) -> None:
    blank = dict.fromkeys(Report.__dataclass_fields__) | {"flags": (), "parked": ()}
    shown = [{field: getattr(report, field) for field in blank} for report in read(kind, name)]
    body = received(kind, name).body
    blank["id"] = id_of(body) if kind in ("ghcr", "gitea") else None
    expected = SHAPES[kind][name]
    assert shown == [blank | fields | {"raw": found["raw"]} for fields, found in zip(expected, shown, strict=True)]
    if body.startswith(b"["):
        assert [json.loads(found["raw"]) for found in shown] == json.loads(body)
        assert all(found["raw"] in body for found in shown)
    else:
        assert {found["raw"] for found in shown} == {body}


@pytest.mark.parametrize("kind", SHAPES)
def test_the_words_of_another_sender_are_a_fault(kind: str) -> None:
    others = [(other, name) for other in kinds() if other != kind for name in names(other)]
    understood = [(other, name) for other, name in others if not parse(kind, received(other, name)).faults]
    assert (len(others) > 50, understood) == (True, [])


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("body", [b"", b"[7]", b"{}", b"null", b"7", b'"push"', b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_what_says_nothing_is_a_fault(kind: str, body: bytes) -> None:
    found = parse(kind, Received(body))
    assert (found.reports, len(found.faults)) == ((), 1)


Change = Callable[[Any], None]


def changed(kind: str, name: str, change: Change) -> Received:
    sent = received(kind, name)
    value = json.loads(sent.body)
    change(value)
    return Received(json.dumps(value).encode(), sent.headers)


def one(kind: str, name: str, change: Change) -> Report:
    found = parse(kind, changed(kind, name, change))
    assert found.faults == ()
    (report,) = found.reports
    return report


def without(*path: Any) -> Change:
    return lambda value: at(value, path[:-1]).pop(path[-1])


def put(new: Any, *path: Any) -> Change:
    return lambda value: at(value, path[:-1]).update({path[-1]: new})


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


RESOURCE = ("event_data", "resources", 0)
METADATA = ("package", "package_version", "container_metadata")


@pytest.mark.parametrize(
    ("kind", "name", "path", "field"),
    [
        ("harbor", "push", (*RESOURCE, "resource_url"), "host"),
        ("harbor", "cloudevent-push", ("time",), "time_ns"),
        ("harbor", "cloudevent-push", ("id",), "id"),
        ("harbor", "cloudevent-push", ("operator",), "actor"),
        ("quay", "push", ("docker_url",), "host"),
        ("dockerhub", "push", ("push_data", "pushed_at"), "time_ns"),
        ("dockerhub", "push", ("push_data", "pusher"), "actor"),
        ("ghcr", "package-published", ("package", "package_version", "updated_at"), "time_ns"),
        ("ghcr", "package-published", ("sender",), "actor"),
        ("gitea", "created-tag", ("package", "html_url"), "host"),
        ("gitea", "created-tag", ("package", "created_at"), "time_ns"),
        ("acr", "push", ("request",), "host"),
        ("msr", "tag-push", ("contents", "imageName"), "host"),
        ("msr", "tag-push", ("contents", "author"), "actor"),
    ],
)
def test_what_a_sender_leaves_out_spoils_nothing(kind: str, name: str, path: tuple[Any, ...], field: str) -> None:
    (whole,), less = read(kind, name), one(kind, name, without(*path))
    assert getattr(less, field) is None
    assert (less.action, less.scope, less.repository, less.tag) == (
        (whole.action, whole.scope, whole.repository, whole.tag)
    )


@pytest.mark.parametrize(
    ("kind", "name"), [("ghcr", "package-published"), ("gitea", "created-tag"), ("nexus", "component-created")]
)
def test_what_no_signature_covers_makes_no_other_event(kind: str, name: str) -> None:
    """The id of a delivery stands in a header, where whoever has a signed body could put another."""
    sent = received(kind, name)
    other = {header: "another" if "delivery" in header else told for header, told in sent.headers.items()}
    again = Received(sent.body, other)
    reports = [report for one in (sent, again, Received(sent.body)) for report in parse(kind, one).reports]
    assert {report.id for report in reports} == {id_of(sent.body)}
    assert [report.request_id for report in reports][1:] == ["another", None]


def test_the_time_of_year_1_becomes_that_of_receipt() -> None:
    (report,) = read("ghcr", "package-published-in-year-1")
    event = accept(report, "acme", ("ghcr.io",), T + DAY)
    assert (event.time_ns, event.flags) == (T + DAY, ("time-implausible",))


def test_gitea_tells_not_when_a_version_was_deleted() -> None:
    """`created_at` stays that of the version: a delete would come before pushes that it followed."""
    (report,) = read("gitea", "deleted-tag")
    assert json.loads(report.raw)["package"]["created_at"] == "2026-03-02T08:15:30Z"
    assert accept(report, "acme", ("git.acme.example:3000",), T + DAY).time_ns == T + DAY


def test_six_calls_for_one_push_are_one_event_a_second_and_move_nothing() -> None:
    """docker/hub-feedback #2148: five platforms and their index, within two seconds."""
    seconds = [0, 0, 0, 1, 1, 1]
    sent = [one("dockerhub", "push", put(1772439330 + second, "push_data", "pushed_at")) for second in seconds]
    events = [accept(report, "hub", ("docker.io",), T + DAY) for report in sent]
    assert len({event.event_id for event in events}) == 2
    assert {event.report.scope for event in events} == {None}


@pytest.mark.parametrize(
    ("seconds", "time_ns"),
    [
        (1772439330, T),
        (1.77243933e9, T),
        (1772439330.123457, T + 123_457_000),
        (1772439330.1, T + 100_000_000),
        (0, 0),
        (-1.5, -1_500_000_000),
        (True, None),
        ("1772439330", None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_seconds_keep_the_digits_that_were_written(seconds: Any, time_ns: int | None) -> None:
    assert from_unix(seconds) == time_ns


@pytest.mark.parametrize("seconds", [1e300, 10**400, -(10**400)])
def test_seconds_that_no_clock_shows_are_replaced(seconds: Any) -> None:
    report = one("dockerhub", "push", put(seconds, "push_data", "pushed_at"))
    assert accept(report, "hub", ("docker.io",), T).flags == ("time-implausible",)


@pytest.mark.parametrize("name", ["push-by-digest", "push-proxy-cache", "cloudevent-push-by-digest"])
def test_harbor_repeats_the_digest_where_it_has_no_tag(name: str) -> None:
    (report,) = read("harbor", name)
    assert (report.tag, report.digest, report.scope, report.flags) == (None, WEB, None, ())


def test_harbor_may_give_the_digest_as_tag_alone() -> None:
    report = one("harbor", "delete-untagged", without(*RESOURCE, "digest"))
    assert (report.tag, report.digest, report.scope) == (None, WEB, Scope.MANIFEST)


@pytest.mark.parametrize("tag", [API, "sha256:short"])
def test_harbor_contradicting_itself_deletes_nothing(tag: str) -> None:
    report = one("harbor", "delete-untagged", put(tag, *RESOURCE, "tag"))
    assert (report.tag, report.digest, report.scope, report.flags) == (None, WEB, None, ("tag-is-digest",))


def test_harbor_1_deletes_the_tag_that_it_names_or_nothing() -> None:
    assert one("harbor", "delete-image-of-harbor-1", put(WEB, *RESOURCE, "tag")).scope is None


@pytest.mark.parametrize("operator", ["harbor-jobservice", "robot$shop+ci", "harbor#proxy-cache-service", "MANUAL"])
def test_harbor_operators_are_kept_as_they_are(operator: str) -> None:
    assert one("harbor", "push", put(operator, "operator")).actor == operator
    assert one("harbor", "push", put("", "operator")).actor is None


def test_harbor_names_the_repository_in_parts_too() -> None:
    report = one("harbor", "push", without("event_data", "repository", "repo_full_name"))
    assert report.repository == "shop/web"


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("harbor", "delete", (*RESOURCE, "digest")),
        ("acr", "delete", ("target", "digest")),
        ("msr", "manifest-delete", ("contents", "digest")),
        ("msr", "tag-delete", ("contents", "tag")),
    ],
)
@pytest.mark.parametrize("spoilt", [None, "", "sha256:xxxx57f6eb2f", "sha256:" + "0" * 63])
def test_a_delete_of_what_is_masked_or_missing_reaches_nothing(
    kind: str, name: str, path: tuple[Any, ...], spoilt: str | None
) -> None:
    assert one(kind, name, put(spoilt, *path)).scope is None


def test_a_masked_digest_is_flagged() -> None:
    for kind, name in [("acr", "push-masked"), ("ghcr", "package-published-masked")]:
        (report,) = read(kind, name)
        assert (report.tag, report.digest, report.scope, report.flags) == ("2.4.1", None, None, ("bad-digest",))


@pytest.mark.parametrize(
    ("url", "host", "repository"),
    [
        ("ghcr.io/Shop/Web:2.4.1", "ghcr.io", "shop/web"),
        ("ghcr.io/shop/team/web:", "ghcr.io", "shop/team/web"),
        (f"ghcr.acme.example:8443/shop/web@{WEB}", "ghcr.acme.example:8443", "shop/web"),
        ("https://ghcr.io/shop/web:2.4.1", "ghcr.io", "shop/web"),
        ("ghcr.io", "ghcr.io", "shop/web"),
        ("", "ghcr.io", "shop/web"),
        (None, "ghcr.io", "shop/web"),
    ],
)
def test_ghcr_names_are_those_that_are_pulled(url: str | None, host: str, repository: str) -> None:
    report = one("ghcr", "package-published", put(url, "package", "package_version", "package_url"))
    assert (report.host, report.repository) == (host, repository)


def test_ghcr_falls_back_to_the_manifest_and_the_version_for_a_digest() -> None:
    assert one("ghcr", "package-published", without(*METADATA, "tag", "digest")).digest == WEB
    assert one("ghcr", "package-published", put({"tag": {"name": "2.4.1"}}, *METADATA)).digest == WEB


def test_ghcr_falls_back_to_the_owner_for_a_namespace() -> None:
    def nameless(value: Any) -> None:
        value["package"] |= {"namespace": "", "owner": {"login": "Acme"}}

    assert one("ghcr", "package-create-of-2020", nameless).repository == "acme/web"


def test_an_unknown_action_on_a_container_is_no_push() -> None:
    assert one("ghcr", "package-published", put("restored", "action")).action == "package-restored"
    assert one("gitea", "created-tag", put("moved", "action")).action == "package-moved"
    assert one("gitea", "created-tag", put("moved", "action")).scope is None


VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


@pytest.mark.parametrize("named", ["eventType", "type"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("kind", ["acr", "auto"])
def test_event_grid_hears_what_it_asks_for(named: str, batched: bool, kind: str) -> None:
    data = {"validationCode": "512d38b6", "validationUrl": "https://x.example"}
    event = {named: VALIDATION, "id": "1", "topic": "/x", "subject": "", "data": data}
    found = parse(kind, Received(json.dumps([event] if batched else event).encode()))
    assert (found.answer, found.reports, found.faults) == ({"validationResponse": "512d38b6"}, (), ())


@pytest.mark.parametrize("code", [None, 7, "", {}])
def test_event_grid_is_answered_with_nothing_but_its_code(code: Any) -> None:
    event = {"eventType": VALIDATION, "data": {"validationCode": code}}
    found = parse("acr", Received(json.dumps([event]).encode()))
    assert (found.answer, found.reports, len(found.faults)) == (None, (), 1)


def test_a_bad_event_of_a_batch_spoils_no_other() -> None:
    batch = changed("acr", "grid-cloudevents-pushed-and-deleted", lambda value: value.insert(1, {"id": "x"}))
    found = parse("acr", batch)
    assert [report.action for report in found.reports] == ["push", "delete"]
    assert [fault.partition(":")[0] for fault in found.faults] == ["event 1"]


def test_an_event_that_is_batched_otherwise_the_second_time_is_the_same() -> None:
    both = received("acr", "grid-cloudevents-pushed-and-deleted").body
    (_, deleted) = parse("acr", Received(both)).reports
    assert parse("acr", Received(b"[" + deleted.raw + b"]")).reports == (deleted,)


def test_event_grid_without_data_still_tells_by_its_type() -> None:
    (report,) = parse("acr", changed("acr", "grid-pushed", lambda value: value[0]["data"].pop("action"))).reports
    assert (report.action, report.scope) == ("push", Scope.TAG)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("10.10.10.1:4443/shop/web:2.4.1", "10.10.10.1:4443"),
        ("shop/web:2.4.1", None),
        ("", None),
        ("msr.acme.example/other/web:2.4.1", None),
    ],
)
def test_the_host_of_msr_stands_before_the_repository(name: str, host: str | None) -> None:
    assert one("msr", "tag-push", put(name, "contents", "imageName")).host == host


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("harbor", "push", ("event_data", "repository")),
        ("acr", "push", ("target", "repository")),
        ("msr", "tag-push", ("contents", "namespace")),
        ("gitea", "created-tag", ("package", "name")),
        ("ghcr", "package-create-of-2020", ("package", "name")),
    ],
)
def test_content_without_a_repository_is_a_fault(kind: str, name: str, path: tuple[Any, ...]) -> None:
    assert parse(kind, changed(kind, name, without(*path))).faults == ("repository: is missing",)

"""Every documented shape of the clouds, zot, Angos, JFrog, Nexus and mapped senders, read to its fields."""

import hashlib
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from origins_on_disk import EXPRESSIONS, kinds, names, received

from app.domain.events import Report, Scope, accept
from app.domain.origins import Expressions
from app.envelopes import DIALECTS, Received, parse

WEB = "sha256:4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2"
API = "sha256:14c2529eb4498c5d1ffd6915d05bf58a91bdda796af59f41d480d11c099d0479"
INDEX = "sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6"
SBOM = "sha256:98f3ae1ef67113d8140d4f6cb8d2830070e21ea48f091be519659846c771a374"
LAYER = "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
OCI = "application/vnd.oci.image.manifest.v1+json"
T = 1772439330 * 10**9
"""2026-03-02T08:15:30Z"""
SECOND, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9

Fields = dict[str, Any]


def told(action: str, scope: Scope | None = None, **other: Any) -> Fields:
    return {"action": action, "scope": scope, "repository": "shop/web", "tag": "2.4.1", "digest": WEB} | other


def ecr(last: str, action: str, scope: Scope | None = None, **other: Any) -> Fields:
    known = {"id": f"8d0c1a52-33f7-4d0b-9a63-5a4b1f6c0e{last}", "time_ns": T}
    return told(action, scope, **known | {"host": "481516234200.dkr.ecr.eu-central-1.amazonaws.com"} | other)


def gar(last: str | None, action: str, scope: Scope | None, **other: Any) -> Fields:
    known = {"host": "europe-docker.pkg.dev", "repository": "acme-prod/shop/web"}
    if last:
        known |= {"id": f"118204433067112{last}", "time_ns": T + 417_000_000}
    return told(action, scope, **known | other)


def zot(last: int, action: str, scope: Scope | None, method: str | None = "PUT", **other: Any) -> Fields:
    known: Fields = {"id": f"4f1e6f3a-6a57-4a35-8a3f-0d4c2b7e900{last}", "time_ns": T + 123_456_789}
    if method:
        known |= {"media_type": OCI, "actor": "deploy-bot", "request_addr": "10.20.0.7:51734"}
        known |= {"request_method": method, "user_agent": "skopeo/1.18.0"}
    return told(action, scope, **known | other)


def angos(last: int, action: str, scope: Scope | None, **other: Any) -> Fields:
    known = {"id": f"6b1f5a3c-52d0-4b8e-8f25-91a0c3de00{last:02d}", "time_ns": T + 123_400_000 + last * 1000}
    return told(action, scope, **known | {"actor": "deploy-bot", "request_addr": "10.20.0.7"} | other)


def jfrog(action: str, scope: Scope | None, **other: Any) -> Fields:
    known = {"repository": "docker-local/shop/web", "size": 1157}
    return told(action, scope, **known | {"host": "acme.jfrog.io", "actor": "deploy@acme.example"} | other)


def nexus(last: int, action: str, scope: Scope | None, **other: Any) -> Fields:
    known = {"request_id": f"2e7d9c40-1b5a-4c6f-8d3e-7a90b1c2d3{last:02d}", "time_ns": T + 515_000_000, "digest": None}
    node = {"source_instance": "7FD2A190-55C1B0E2-9A3B7C11-20E5D4F6-0B8C9A77"}
    return told(action, scope, **known | node | {"actor": "deploy-bot", "request_addr": "10.20.0.7"} | other)


NOBODY: Fields = {"actor": None, "request_addr": None}
BARE: Fields = {"host": None, "actor": None}
NOTHING: Fields = {"repository": "", "tag": None, "digest": None}
UNTAGGED: Fields = {"tag": None}

SHAPES: dict[str, dict[str, list[Fields]]] = {
    "ecr": {
        "push": [ecr("01", "push", Scope.TAG)],
        "push-media-type": [ecr("02", "push", Scope.TAG, tag="stable", time_ns=T + SECOND, media_type=OCI)],
        "push-untagged": [ecr("03", "push", **UNTAGGED, time_ns=T - SECOND)],
        "push-failed": [ecr("04", "push-failed", time_ns=T + 30 * SECOND)],
        "push-china": [ecr("0f", "push", Scope.TAG, host="481516234200.dkr.ecr.cn-north-1.amazonaws.com.cn")],
        "delete-tag": [ecr("05", "delete", Scope.TAG, digest=None, time_ns=T + DAY + 6270 * SECOND)],
        "delete-digest": [ecr("06", "delete", Scope.MANIFEST, **UNTAGGED, time_ns=T + DAY + 6271 * SECOND)],
        "storage-class": [ecr("07", "update-storage-class", time_ns=T + 2 * DAY + 6271 * SECOND)],
        "referrer-push": [ecr("08", "push", tag=None, digest=SBOM, media_type=OCI, time_ns=T + 10 * SECOND)],
        "replicated": [ecr("09", "push", Scope.TAG, time_ns=T + 14 * SECOND)],
        "replication-failed": [ecr("0a", "replicate-failed", time_ns=T + 15 * SECOND)],
        "pull-through-cache": [
            ecr("0b", "push", Scope.TAG, repository="docker-hub/alpine", tag="3.23", digest=API,
                time_ns=T + 270 * SECOND)
        ],
        "pull-through-cache-failed": [
            ecr("0c", "cache-failed", repository="docker-hub/alpine", tag=None, digest=None, time_ns=T + 271 * SECOND)
        ],
        "scan": [
            ecr("0d", "image-scan", ordinal=0, time_ns=T + 870 * SECOND),
            ecr("0d", "image-scan", ordinal=1, tag="stable", time_ns=T + 870 * SECOND),
        ],
        "scan-frequency": [ecr("0e", "scan-resource-change", **NOTHING, time_ns=T + 871 * SECOND)],
        "cloudevent-push": [ecr("", "push", Scope.TAG, id="ecr-evt-7001")],
        "cloudevent-delete": [ecr("", "delete", Scope.MANIFEST, **UNTAGGED, id="ecr-evt-7002")],
        "cloudevent-scan": [ecr("", "image-scan", **UNTAGGED, id="ecr-evt-7003", host=None)],
    },
    "gar": {
        "wrapped-push-tag": [gar("95", "push", Scope.TAG)],
        "wrapped-push-tag-again": [gar("95", "push", Scope.TAG)],
        "wrapped-push-digest": [gar("96", "push", None, **UNTAGGED)],
        "wrapped-delete-tag": [gar("97", "delete", Scope.TAG, digest=None)],
        "wrapped-delete-digest": [gar("98", "delete", Scope.MANIFEST, **UNTAGGED)],
        "push-tag": [gar("300"[1:], "push", Scope.TAG, id="11820443306711300")],
        "push-digest": [gar(None, "push", None, **UNTAGGED)],
        "delete-tag": [gar(None, "delete", Scope.TAG, digest=None)],
        "gcr-push-tag": [gar(None, "push", Scope.TAG, host="eu.gcr.io", repository="acme-prod/web")],
    },
    "zot": {
        "push-tag": [zot(1, "push", Scope.TAG)],
        "push-digest": [zot(2, "push", None, **UNTAGGED)],
        "push-anonymous": [zot(3, "push", Scope.TAG, None, media_type=OCI)],
        "delete-tag": [zot(4, "delete", Scope.TAG, "DELETE", digest=None)],
        "delete-digest": [zot(5, "delete", Scope.MANIFEST, "DELETE", **UNTAGGED)],
        "lint-failed": [zot(6, "image-lint-failed", None)],
        "scanned": [zot(7, "image-scanned", None, None)],
        "repository-created": [zot(8, "repository-created", None, None, tag=None, digest=None)],
        "structured-push-tag": [zot(9, "push", Scope.TAG)],
    },
    "angos": {
        "manifest-push-tag": [angos(1, "push", Scope.TAG)],
        "manifest-push-digest-with-tag": [angos(2, "push", Scope.TAG)],
        "manifest-push-digest": [angos(3, "push", None, **UNTAGGED)],
        "manifest-push-cached": [angos(4, "push", Scope.TAG, actor="cache", request_addr=None)],
        "tag-create": [angos(5, "push", Scope.TAG)],
        "manifest-pull": [angos(6, "pull", None, actor="node-12", request_addr=None)],
        "manifest-delete-digest": [angos(7, "delete", Scope.MANIFEST, **UNTAGGED)],
        "manifest-delete-tag": [angos(8, "delete", Scope.TAG, digest=None)],
        "tag-delete": [angos(9, "delete", Scope.TAG, digest=None)],
        "tag-delete-pruned": [angos(10, "delete", Scope.TAG, digest=None, actor="prune", request_addr=None)],
        "blob-push": [angos(11, "push", None, tag=None, digest=LAYER)],
        "blob-pull": [angos(12, "pull", None, tag=None, digest=LAYER, **NOBODY)],
    },
    "jfrog": {
        "pushed": [jfrog("push", Scope.TAG)],
        "pushed-list": [jfrog("push", Scope.TAG, digest=INDEX, size=743)],
        "pushed-layer": [jfrog("push", None, tag=None, digest=None, size=None)],
        "deleted": [jfrog("delete", Scope.TAG, digest=None)],
        "deleted-layer": [jfrog("delete", None, tag=None, digest=None, size=None)],
        "promoted": [jfrog("promoted", None, repository="docker-prod/shop/web")],
        "bare-pushed": [jfrog("push", Scope.TAG, **BARE)],
        "bare-deleted": [jfrog("delete", Scope.TAG, **BARE, digest=None, size=None)],
        "artifact-deployed": [jfrog("artifact-deployed", None, **NOTHING, size=None)],
    },
    "nexus": {
        "component-created": [nexus(1, "push", None)],
        "component-updated": [nexus(2, "push", None)],
        "component-deleted": [nexus(3, "delete", Scope.TAG)],
        "component-purged": [nexus(4, "component-purged", None)],
        "component-created-by-digest": [nexus(5, "push", None, tag=None, digest=WEB)],
        "component-created-npm": [nexus(6, "component-created", None, **NOTHING)],
        "asset-created": [nexus(7, "push", None)],
        "asset-created-digest": [nexus(8, "push", None, tag=None, digest=WEB)],
        "asset-deleted": [nexus(9, "delete", Scope.TAG)],
        "asset-created-blob": [nexus(10, "asset-created", None, **NOTHING)],
        "asset-created-npm": [nexus(11, "asset-created", None, **NOTHING, actor="anonymous", request_addr=None)],
        "repository-created": [nexus(12, "repository-created", None, **NOTHING)],
        "audit": [
            nexus(13, "audit-told", None, **NOTHING, actor="admin", request_addr="10.20.0.9", time_ns=None)
        ],
    },
    "aliyun": {
        "push": [told("push", Scope.TAG, time_ns=T, host="registry.cn-hangzhou.aliyuncs.com")],
        "push-without-time": [told("push", Scope.TAG, host="registry.cn-hangzhou.aliyuncs.com")],
    },
    "generic": {
        "cloudevent-push": [told("push", Scope.TAG, time_ns=T, id="evt-5001", host="registry.example")],
        "batch": [
            told("push", Scope.TAG, ordinal=0, time_ns=T, media_type=OCI, actor="deploy-bot"),
            told("push", None, tag=None, digest=None, ordinal=1, time_ns=T + 250_000_000, flags=("tag-is-digest",)),
            told("delete", Scope.TAG, ordinal=2, time_ns=T + SECOND, tag="2.4.0", digest=None),
            told("delete", Scope.MANIFEST, ordinal=3, tag=None, digest=API),
            told("quota-warning", None, **NOTHING, ordinal=4),
        ],
    },
}
FIXTURES = [(kind, name) for kind, shapes in SHAPES.items() for name in shapes]


def read(kind: str, name: str) -> tuple[Report, ...]:
    found = parse(kind, received(kind, name), EXPRESSIONS.get(name))
    assert (found.faults, found.answer) == ((), None)
    return found.reports


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_has_a_fixture_and_every_fixture_is_read(kind: str) -> None:
    assert set(names(kind)) == set(SHAPES[kind])


@pytest.mark.parametrize(("kind", "name"), FIXTURES)
def test_a_body_is_read_to_its_fields(kind: str, name: str) -> None:
    blank = dict.fromkeys(Report.__dataclass_fields__) | {"flags": (), "parked": ()}
    shown = [{field: getattr(report, field) for field in blank} for report in read(kind, name)]
    body = received(kind, name).body
    raw = b64decode(json.loads(body)["message"]["data"]) if name.startswith("wrapped-") else body
    blank["id"] = f"sha256:{hashlib.sha256(body).hexdigest()}" if kind == "nexus" else None
    assert shown == [blank | {"raw": raw} | expected for expected in SHAPES[kind][name]]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in kinds() for name in names(kind)])
def test_each_sender_is_recognised_by_its_own_dialect_alone(kind: str, name: str) -> None:
    sent = received(kind, name)
    value = json.loads(sent.body)
    claiming = [name for name, dialect in DIALECTS.items() if dialect.recognises(sent, value)]
    assert claiming == ([] if kind == "generic" else [kind])
    if kind != "generic":
        assert parse("auto", sent) == parse(kind, sent)


@pytest.mark.parametrize("kind", sorted({*DIALECTS} & {*SHAPES}))
@pytest.mark.parametrize(("other", "name"), [(kind, next(iter(shapes))) for kind, shapes in SHAPES.items()])
def test_the_words_of_another_sender_are_a_fault(kind: str, other: str, name: str) -> None:
    if kind != other:
        found = parse(kind, received(other, name))
        assert (found.reports, len(found.faults)) == ((), 1)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"7", b'"push"', b"\xff", b"[" * 100_000])
def test_what_says_nothing_is_a_fault(kind: str, body: bytes) -> None:
    found = parse(kind, Received(body, {"ce-type": "zotregistry.image.updated"}), EXPRESSIONS["batch"])
    assert (found.reports, len(found.faults)) == ((), 1)


def changed(kind: str, name: str, /, **fields: Any) -> Received:
    """A fixture with other fields; what is None is gone."""
    sent = received(kind, name)
    value = json.loads(sent.body) | fields
    return Received(json.dumps({key: item for key, item in value.items() if item is not None}).encode(), sent.headers)


def one(kind: str, sent: Received) -> Report:
    found = parse(kind, sent)
    assert found.faults == ()
    (report,) = found.reports
    return report


def test_ecr_says_how_it_went_or_is_not_believed() -> None:
    detail = json.loads(received("ecr", "push").body)["detail"]
    found = parse("ecr", changed("ecr", "push", detail={**detail, "result": None}))
    assert found.faults == ("detail: doesn't say how it went",)


def test_ecr_without_account_or_region_has_no_host() -> None:
    assert one("ecr", changed("ecr", "push", account=None)).host is None
    assert one("ecr", changed("ecr", "push", region=None)).host is None
    assert one("ecr", changed("ecr", "push", time=None, id=None)).time_ns is None


def test_ecr_delete_with_a_spoilt_tag_takes_nothing() -> None:
    detail = json.loads(received("ecr", "delete-tag").body)["detail"]
    report = one("ecr", changed("ecr", "delete-tag", detail={**detail, "image-tag": WEB}))
    assert (report.scope, report.tag, report.flags) == (None, None, ("tag-is-digest",))


def test_a_message_that_pubsub_sends_again_is_the_same_event() -> None:
    """The wrapper differs (`deliveryAttempt`): with it as the event's bytes, the repeat would be an id conflict."""
    first, again = read("gar", "wrapped-push-tag") + read("gar", "wrapped-push-tag-again")
    assert received("gar", "wrapped-push-tag").body != received("gar", "wrapped-push-tag-again").body
    assert first == again


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"data": "???"}, "message.data: is not base64"),
        ({"data": b64encode(b"hello").decode()}, "not JSON: Expecting value at character 0"),
        ({"data": b64encode(b'{"action": "INSERT"}').decode()}, "neither tag nor digest is given"),
        ({}, "message.data: Field required"),
    ],
)
def test_a_message_of_pubsub_that_is_none_of_a_registry(message: Fields, fault: str) -> None:
    assert parse("gar", Received(json.dumps({"message": message}).encode())).faults == (fault,)


@pytest.mark.parametrize(
    ("tag", "digest", "fault"),
    [
        ("eu.gcr.io/p/web:1", f"eu.gcr.io/p/api@{WEB}", "tag and digest name two repositories"),
        ("eu.gcr.io/p/web", None, "tag: is no reference"),
        ("host:5000/p/web", None, "tag: is no reference"),
        ("web:1", None, "tag: is no reference"),
        (None, f"web@{WEB}", "digest: is no reference"),
        (None, f"eu.gcr.io/p/web:{WEB}", "digest: is no reference"),
    ],
)
def test_references_that_name_no_place_are_faults(tag: str | None, digest: str | None, fault: str) -> None:
    (told,) = parse("gar", changed("gar", "push-tag", tag=tag, digest=digest)).faults
    assert told.startswith(fault)


def test_a_registry_on_a_port_keeps_it() -> None:
    report = one("gar", changed("gar", "push-tag", tag="host:5000/p/web:1", digest=None))
    assert (report.host, report.repository, report.tag) == ("host:5000", "p/web", "1")


def test_zot_without_headers_is_a_fault_and_without_id_or_time_an_event() -> None:
    sent = received("zot", "push-tag")
    assert parse("zot", Received(sent.body)).faults
    report = one("zot", Received(sent.body, {"ce-type": "zotregistry.image.updated"}))
    assert (report.scope, report.id, report.time_ns) == (Scope.TAG, None, None)


def test_zot_delete_whose_reference_is_missing_takes_nothing() -> None:
    assert one("zot", changed("zot", "delete-digest", reference=None)).scope is None
    assert one("zot", changed("zot", "delete-digest", reference="sha256:short")).scope is None


def test_angos_delete_by_tag_does_not_take_the_manifest() -> None:
    """Its `manifest.delete` has neither tag nor digest then; the tag is in `reference` alone."""
    (report,) = read("angos", "manifest-delete-tag")
    assert (report.scope, report.tag, report.digest) == (Scope.TAG, "2.4.1", None)
    assert one("angos", changed("angos", "manifest-delete-tag", reference=None)).scope is None


def test_jfrog_gives_neither_id_nor_time_and_bodies_alike_are_told_apart_by_them() -> None:
    pushed, deleted = (
        accept(report, "acme", ("acme.jfrog.io",), T) for report in read("jfrog", "pushed") + read("jfrog", "deleted")
    )
    assert pushed.event_id.startswith("body:")
    assert pushed.event_id != deleted.event_id
    assert (pushed.time_ns, pushed.flags) == (T, ("time-missing",))


@pytest.mark.parametrize("origin", ["", "not a url", "http://[", "https://user:secret@", None])
def test_jfrog_without_a_host(origin: str | None) -> None:
    assert one("jfrog", changed("jfrog", "pushed", jpd_origin=origin)).host is None


def test_a_user_in_a_url_is_no_part_of_the_host() -> None:
    assert one("jfrog", changed("jfrog", "pushed", jpd_origin="https://u:p@acme.example:8443/x")).host == (
        "acme.example:8443"
    )


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-03-02 16:15:30", T),
        ("2026-03-02T08:15:30Z", T),
        ("2026-03-02 16:15:30+08:00", T),
        ("yesterday", None),
        ("", None),
    ],
)
def test_aliyun_times_are_of_china_unless_they_name_a_zone(text: str, time_ns: int | None) -> None:
    push = {"digest": WEB, "tag": "2.4.1", "pushed_at": text}
    assert one("aliyun", changed("aliyun", "push", push_data=push)).time_ns == time_ns


@pytest.mark.parametrize(("kind", "name"), [("ecr", "push"), ("zot", "push-tag"), ("angos", "manifest-push-tag")])
def test_content_without_a_repository_is_a_fault(kind: str, name: str) -> None:
    value = json.loads(received(kind, name).body)
    without = {"detail": {**value["detail"], "repository-name": ""}} if kind == "ecr" else {"name": "", "namespace": ""}
    assert parse(kind, changed(kind, name, **without)).faults == ("repository: is missing",)


ANY = Expressions(action="a", repository="r", tag="t", digest="d", time="at", id="i", actor="who", events="[]")


def mapped(*values: Fields, expressions: Expressions = ANY) -> tuple[tuple[Report, ...], tuple[str, ...]]:
    found = parse("generic", Received(json.dumps(list(values)).encode()), expressions)
    return found.reports, found.faults


@pytest.mark.parametrize("field", ["a", "r", "t", "d", "who"])
def test_a_mapped_number_is_no_name(field: str) -> None:
    reports, (fault,) = mapped({"a": "push", "r": "shop/web", "t": "1", "d": WEB} | {field: 1.10})
    assert reports == ()
    assert fault.startswith("event 0: ")
    assert fault.endswith("is not text")


def test_good_mapped_events_are_read_beside_bad_ones() -> None:
    good = {"a": "push", "r": "shop/web", "t": "1", "d": WEB}
    reports, faults = mapped(good, {"a": "push"}, {}, good, {"a": "ping"})
    assert [(report.action, report.ordinal) for report in reports] == [("push", 0), ("push", 3), ("ping", 4)]
    assert faults == ("event 1: repository: is missing", "event 2: action: is missing")


@pytest.mark.parametrize(
    ("at", "time_ns"),
    [
        (1772439330, T),
        (1772439330.5, T + SECOND // 2),
        (1772439330500, T + SECOND // 2),
        ("2026-03-02T08:15:30Z", T),
        (-1, None),
        (10**30, None),
        (1e300, None),
        (True, None),
        ([], None),
        ("soon", None),
    ],
)
def test_mapped_times(at: Any, time_ns: int | None) -> None:
    ((report,), _) = mapped({"a": "push", "r": "shop/web", "t": "1", "at": at})
    assert report.time_ns == time_ns


@pytest.mark.parametrize(("given", "id"), [("x", "x"), (7, "7"), (None, None), ("", None)])
def test_mapped_ids(given: Any, id: str | None) -> None:
    assert mapped({"a": "ping", "i": given})[0][0].id == id


def test_a_mapped_delete_takes_no_more_than_is_said() -> None:
    delete = {"a": "delete", "r": "shop/web"}
    says = [{}, {"d": WEB}, {"t": "1"}, {"t": "1", "d": WEB}, {"t": WEB}, {"d": "sha256:x"}]
    reports, _ = mapped(*(delete | more for more in says))
    assert [report.scope for report in reports] == [None, Scope.MANIFEST, Scope.TAG, Scope.TAG, None, None]


@pytest.mark.parametrize("expression", ["max(@)", "to_number(a)", "join(',', @)", "sort_by(@, &a)", "length(`1`)"])
def test_an_expression_that_does_not_fit_the_value_is_a_fault(expression: str) -> None:
    expressions = Expressions(action=expression, repository="r", events="[]")
    reports, (fault,) = mapped({"a": 7, "r": "b"}, expressions=expressions)
    assert reports == ()
    assert "\n" not in fault
    assert fault.startswith("event 0: action: ")


def test_a_list_that_is_not_there_is_a_fault() -> None:
    assert mapped() == ((), ("events: '[]' finds no list of events",))

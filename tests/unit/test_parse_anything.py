"""Whatever a sender sends: it is read or told as a fault, and nothing is made up."""

import json
from typing import Any

import pytest
from envelopes_on_disk import GENERATIONS, body, names
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Sample, places, samples
from mutations import check as check_all

from app.domain.events import Report, Scope
from app.domain.text import storable
from app.envelopes import KINDS, Reading, Received, parse

BODIES = [body(generation, name) for generation in GENERATIONS for name in sorted(names(generation))]
DIGEST = "sha256:" + "5" * 64

ODD = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    st.just([]) | st.just({}) | st.sampled_from([2**63, -1, 10**400]),
    st.sampled_from(["", "push", "delete", DIGEST, "sha256:x", "a:b", "x" * 3000, "\x00", "\ud800"]),
)


def read(content: bytes) -> Reading:
    """Parsed, and everything in it fit for both databases."""
    found = parse("distribution", Received(content))
    for report in found.reports:
        check(report, content)
    for fault in found.faults:
        assert "\n" not in fault
        fault.encode("utf-8")
    return found


def check(report: Report, content: bytes) -> None:
    assert report.raw in content
    target = json.loads(report.raw)["target"]
    assert report.repository == storable(target["repository"])
    assert report.tag in (None, storable(str(target.get("tag"))))
    assert report.digest in (None, target.get("digest"))
    assert report.scope is not Scope.TAG or report.tag is not None
    assert report.scope is not Scope.MANIFEST or report.digest is not None
    for name in Report.__dataclass_fields__:
        value = getattr(report, name)
        if isinstance(value, str):
            assert "\x00" not in value
            assert len(value.encode("utf-8")) <= 4 * 2048
        if isinstance(value, int):
            assert abs(value) < 2**63 or name == "time_ns"
    assert all(len((getattr(report, name) or "").encode()) <= 1024 for name in ("repository", "tag", "actor", "host"))


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    read(content)


@given(content=st.sampled_from(BODIES), at=st.integers(0, 2000), cut=st.integers(0, 60), put=st.binary(max_size=4))
def test_bytes_changed_inside_an_envelope(content: bytes, at: int, cut: int, put: bytes) -> None:
    at %= len(content)
    read(content[:at] + put + content[at + cut :])


@settings(max_examples=300)
@given(content=st.sampled_from(BODIES), where=st.data(), odd=ODD)
def test_any_value_in_any_place(content: bytes, where: Any, odd: Any) -> None:
    envelope = json.loads(content)
    event = envelope["events"][0]
    places = [(event, key) for key in event] + [
        (event[part], key) for part in ("target", "request", "actor", "source") for key in (*event[part], "name")
    ]
    inside, key = where.draw(st.sampled_from(places))
    inside[key] = odd
    found = read(json.dumps(envelope).encode())
    assert len(found.reports) + len(found.faults) == len(envelope["events"])


SAMPLES = samples()


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Sample, Received]:
    """What a sender of any kind sends, and the same with odd values in some places of body and headers."""
    kind = draw(st.sampled_from(sorted({sample.kind for sample in SAMPLES})))
    sample = draw(st.sampled_from([sample for sample in SAMPLES if sample.kind == kind]))
    value = {"": json.loads(sample.sent.body)}
    for _ in range(draw(st.integers(1, 3))):
        inside, key = draw(st.sampled_from(places(value)))
        inside[key] = draw(ODD)
    headers = {key: draw(st.just(text) | st.text().map(storable)) for key, text in sample.sent.headers.items()}
    return sample, Received(json.dumps(value[""]).encode(), headers)


@settings(max_examples=1000)
@given(sent=spoilt(), other=st.sampled_from(KINDS) | st.none())
def test_any_value_in_any_place_of_any_sender(sent: tuple[Sample, Received], other: str | None) -> None:
    sample, received = sent
    kind = other or sample.kind
    check_all(kind, received, parse(kind, received, sample.expressions))


@given(sample=st.sampled_from(SAMPLES), at=st.integers(0, 4000), cut=st.integers(0, 60), put=st.binary(max_size=4))
def test_bytes_changed_inside_any_body(sample: Sample, at: int, cut: int, put: bytes) -> None:
    body = sample.sent.body
    at %= len(body)
    changed = Received(body[:at] + put + body[at + cut :], sample.sent.headers)
    check_all(sample.kind, changed, parse(sample.kind, changed, sample.expressions))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not JSON: Expecting value at character 0"),
        (b"\xff", "not UTF-8: byte 0"),
        (b"\xef\xbb\xbf{}", "not JSON: Expecting value at character 0"),
        (b"[]", "not an envelope: the body is not a JSON object"),
        (b"{}", "not an envelope: the body has no array 'events'"),
        (b'{"events": [', "not JSON: Expecting value at character 12"),
        (b'{"events": [{}]}', "event 0: action: Field required"),
        (b'{"events": [{"action": "", "target": {"repository": "a"}}]}', "event 0: action: is missing"),
        (b'{"events": [{"action": "push", "target": {}}]}', "event 0: target.repository: is missing"),
        (b'{"events": [' + b"[" * 100_000, "not readable JSON: maximum recursion depth"),
        (b'{"events": [' + b"1" * 5000 + b"]}", "not readable JSON: Exceeds the limit"),
    ],
)
def test_a_fault_says_what_is_wrong(content: bytes, fault: str) -> None:
    found = read(content)
    assert found.reports == ()
    assert found.faults[0].startswith(fault)


def one(**target: Any) -> Report:
    action = target.pop("action", "push")
    event = {"action": action, "target": {"repository": "shop/web"} | target}
    (report,) = read(json.dumps({"events": [event]}).encode()).reports
    return report


@pytest.mark.parametrize("field", ["tag", "repository", "digest"])
def test_a_number_is_no_name(field: str) -> None:
    """1.10 would become 1.1, another tag."""
    event = {"action": "push", "target": {"repository": "a", "tag": "t", "digest": DIGEST} | {field: 1.10}}
    found = read(json.dumps({"events": [event]}).encode())
    assert (found.reports, len(found.faults)) == ((), 1)


def test_a_header_that_a_client_made_long_hides_no_event() -> None:
    """Host and user name come from the registry's clients: what they did must still be told."""
    event = {
        "action": "push",
        "target": {"repository": "a", "tag": "t", "digest": DIGEST},
        "request": {"host": "h" * 5000, "useragent": "u" * 5000, "addr": "a" * 5000},
        "actor": {"name": "é" * 5000},
    }
    (report,) = read(json.dumps({"events": [event]}).encode()).reports
    assert report.scope is Scope.TAG
    assert report.host is not None
    assert report.actor is not None
    assert (len(report.host), report.actor) == (1024, "é" * 512)
    assert report.flags == ("host-cut", "actor-cut")


def test_a_delete_with_a_spoilt_field_reaches_nothing_wide() -> None:
    assert one(action="delete").scope is Scope.REPOSITORY
    assert one(action="delete", digest="").scope is Scope.REPOSITORY
    assert one(action="delete", digest="sha256:spoilt").scope is None
    assert one(action="delete", tag="sha256:spoilt").scope is None
    assert one(action="delete", tag="sha256:spoilt", digest=DIGEST).scope is None
    assert one(action="delete", tag="t", digest="sha256:spoilt").scope is Scope.TAG


def test_only_a_push_of_a_tag_moves_it() -> None:
    assert one(tag="t", digest=DIGEST).scope is Scope.TAG
    assert one(tag="t").scope is None
    assert one(digest=DIGEST).scope is None
    assert one(action="pull", tag="t", digest=DIGEST).scope is None
    assert one(action="mount", digest=DIGEST).scope is None
    assert one(action="purge", tag="t", digest=DIGEST).scope is None


def test_good_events_are_read_beside_bad_ones() -> None:
    good = {"action": "push", "target": {"repository": "a", "tag": "t", "digest": DIGEST}}
    found = read(json.dumps({"events": [good, {"action": "push"}, good, 7]}).encode())
    assert len(found.reports) == 2
    assert [fault.partition(":")[0] for fault in found.faults] == ["event 1", "event 3"]


def test_an_event_of_our_own_carries_its_sequence() -> None:
    event = {"action": "push", "target": {"repository": "a"}, "tagtrail": {"journal": "j", "sequence": 7}}
    (report,) = read(json.dumps({"events": [event]}).encode()).reports
    assert report.sequence == 7

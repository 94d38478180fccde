"""What endpoints have beyond distribution's keys, and how it reaches the sender (issue 6, item 2)."""

import base64
from pathlib import Path

import pytest
from certificates import self_signed

from app.bootstrap import make_notify_doors, make_receivers
from app.domain.endpoints import Ignore
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.settings import ConfigurationError, load
from app.settings.distribution import understand
from app.usecases.notify import Receiver

SECRET = "whsec_" + "A" * 32
ALL = """
registry:
  notifications:
    endpoints:
      - name: audit
        url: https://audit.example/hooks
        ignoredmediatypes: [a/b]
        ignore: {mediatypes: [c/d], actions: [pull], repositories: ["scratch/**"], tags: ["pr-*"], methods: [HEAD]}
        batch: 50
        maxage: 168h
        secret: ${env:SIGNING}
        deadletter: {after: 2}
        tagtrail: false
"""


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path))
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
    monkeypatch.setenv("SIGNING", SECRET)


def receivers(folder: Path, config: str) -> dict[str, Receiver]:
    (folder / "tagtrail.yml").write_text(config)
    return dict(make_receivers(load()))


def test_all_keys_reach_the_sender(tmp_path: Path) -> None:
    audit = receivers(tmp_path, ALL)["audit"]
    assert audit.ignore == Ignore(
        frozenset({"a/b", "c/d"}), frozenset({"pull"}), ("scratch/**",), ("pr-*",), frozenset({"HEAD"})
    )
    assert (audit.most_at_once, audit.max_age_ns, audit.park_after) == (50, 168 * 3600 * SECOND_NS, 2)
    assert (audit.plain, audit.secret is not None, audit.tls) == (True, True, None)
    assert SECRET not in repr(audit)


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ("ann:s3cret@", "ann:s3cret"), ("ann:s%40%3Acret@", "ann:s@:cret"), ("ann@", "ann:"), (":s3cret@", ":s3cret"),
        ("a@b:c@", "a@b:c"),
    ],
)  # fmt: skip
def test_a_login_in_the_url_is_shown_as_go_shows_it(tmp_path: Path, login: str, header: str) -> None:
    config = "registry: {notifications: {endpoints: [{name: a, url: 'http://%sa.example:81/x@y'%s}]}}"
    known = receivers(tmp_path, config % (login, ""))["a"]
    assert str(known.url) == "http://a.example:81/x@y"
    assert known.joined_headers == {"Authorization": "Basic " + base64.b64encode(header.encode()).decode()}
    assert not [secret for secret in (login, header) if secret in repr(known) + known.url.shown]
    said = receivers(tmp_path, config % (login, ", headers: {authorization: [Bearer x]}"))["a"]
    assert said.joined_headers == {"authorization": "Bearer x"}, "a header that is configured goes before it"


def test_a_url_that_is_none_is_refused_without_its_login(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        receivers(tmp_path, "registry: {notifications: {endpoints: [{name: a, url: 'ftp://ann:s3cret@a.example/'}]}}")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "span_ns"), [("0", SECOND_NS), ("0s", SECOND_NS), ("-5s", SECOND_NS), ("+2s", 2 * SECOND_NS), ("7", 7)]
)
def test_spans_are_those_of_distribution(tmp_path: Path, said: str, span_ns: int) -> None:
    """Which takes a second where there is none."""
    endpoint = f"{{name: a, url: 'http://a.example/', timeout: {said}, backoff: {said}}}"
    one = receivers(tmp_path, f"registry: {{notifications: {{endpoints: [{endpoint}]}}}}")["a"]
    assert (one.timeout_ns, one.backoff_ns) == (span_ns, span_ns)


def test_two_of_one_name_are_told_apart_by_nobody(tmp_path: Path) -> None:
    config = "registry: {notifications: {endpoints: [{name: a, url: 'http://a/'}, {name: a, url: 'http://b/'%s}]}}"
    assert receivers(tmp_path, config % ", disabled: true")["a"].url.host == "a"
    with pytest.raises(ConfigurationError, match="2 endpoints are called 'a'"):
        receivers(tmp_path, config % "")


def test_without_them_it_is_as_distribution_has_it_and_nothing_is_ever_too_old(tmp_path: Path) -> None:
    config = "registry: {notifications: {endpoints: [{name: a, url: 'http://a.example/'}]}}"
    one = receivers(tmp_path, config)["a"]
    assert (one.ignore, one.most_at_once, one.max_age_ns, one.park_after) == (
        Ignore(frozenset(), frozenset(), (), (), frozenset()), 1, None, 5
    )
    assert (one.plain, one.secret, one.timeout_ns, one.backoff_ns) == (False, None, SECOND_NS, SECOND_NS)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("secret: plain", "not a signing secret"),
        ("tls: {certificate: a.pem}", "certificate and key go together"),
        ("tls: {ca: missing.pem}", "missing.pem: can't be read"),
        ("batch: 0", "greater than or equal to 1"),
        ("batch: 101", "less than or equal to 100"),
        ("deadletter: {after: 0}", "greater than or equal to 1"),
        ("ignore: {tag: [a]}", "did you mean 'tags'?"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, keys: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match="(?s)" + complaint.replace("?", r"\?").replace("(", r"\(")):
        receivers(
            tmp_path, f"registry: {{notifications: {{endpoints: [{{name: a, url: 'http://a.example/', {keys}}}]}}}}"
        )


def test_an_endpoint_with_authorities_of_its_own_has_a_door_of_its_own(tmp_path: Path) -> None:
    ca = self_signed(tmp_path, "a.example").name
    endpoints = f"[{{name: a, url: 'https://a.example/', tls: {{ca: {ca}}}}}, {{name: b, url: 'https://b.example/'}}]"
    found = receivers(tmp_path, f"registry: {{notifications: {{endpoints: {endpoints}}}}}")
    with Door() as shared:
        doors = make_notify_doors(found, shared)
        assert doors["b"] is shared
        assert doors["a"] is not shared
        doors["a"].close()


def test_distributions_file_and_variables_take_them_too(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "version: 0.1\nstorage: {inmemory: }\nnotifications: {endpoints: [{name: a, url: 'http://a.example/'}]}\n"
    )
    said = understand(tmp_path / "config.yml", {
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_BATCH": "7", "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_IGNORE_TAGS": "[x*]",
    })  # fmt: skip
    assert said.remarks == []
    assert said.section.notifications.endpoints is not None
    (one,) = said.section.notifications.endpoints
    assert (one.batch, one.ignore.tags) == (7, ("x*",))

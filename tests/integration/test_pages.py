"""The pages, as the app answers them; how they look is for the browser's test."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from builders import HOST, A, B, C, add_delivery, an_event, envelope, moment, take_in, try_delivery
from flask.testing import FlaskClient
from reading_app import client_of
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from app.domain.access import EVERYTHING
from app.domain.links import tag_page
from app.envelopes import Received
from app.store import engine as engines
from app.store import quarantine as quarantined
from app.store.queries import actions, changes
from app.store.queries.actions import ActionFilter
from app.store.queries.changes import ChangeFilter
from app.store.queries.paging import Paging
from app.usecases.ingest import reject
from app.web.band import THINNEST, band
from app.web.shown import actor_address, duration, lines, query, repository_address

SHOP = f"/repository?registry={quote(HOST, safe='')}&repository=shop%2Fweb"
HOSTILE = '<script>alert(1)</script>"\'\x00\x1b[31m\u202e\r\nSet-Cookie=x\ud800{{7*7}}'


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


class Page(HTMLParser):
    """The text of a page, its elements, and the addresses that it leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.links, self.attributes = "", [], [], []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.text += data

    tags: list[str]
    links: list[str]
    attributes: list[str]


def page(client: FlaskClient, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.split("; ") == [
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "connect-src 'self'", "img-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    ]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with_form = 'method="post"' in answer.text  # whose request must say where it comes from, on this site
    assert answer.headers["Referrer-Policy"] == ("same-origin" if with_form else "no-referrer")
    found = Page(answer.text)
    assert not {"style", "iframe"} & set(found.tags)
    scripts = re.findall("<script[^>]*>.{9}", answer.text)
    assert scripts in ([], ['<script src="/static/live.js" type="module"></script>'])
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    return found


def test_an_empty_timeline_says_how_to_begin(client: FlaskClient) -> None:
    found = page(client, "/")
    assert "docker push 127.0.0.1:5000/shop/web:stable" in found.text
    assert "tagtrail origin add prod --kind distribution" in found.text
    assert "No change matches" in page(client, "/?repository=shop/web").text


def test_where_the_registry_is_off_nobody_is_told_to_push(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(monkeypatch, tmp_path, database_url, TAGTRAIL_HOST="192.0.2.1") as client:
        token = (tmp_path / "data/access.token").read_text()
        answer = client.get("/", headers={"Host": "192.0.2.1", "Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "docker push" not in answer.text
    assert "tagtrail origin add" in answer.text


def test_the_timeline(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0.5), an_event(second=60, digest=B, actor=None))
    found = page(client, "/")
    line = r"2026-05-09 09:47:40Z\s*→moved\s*registry.example:5000/shop/web:stable\s*a{12}\s*→\s*b{12}"
    assert re.search(line, found.text)
    assert re.search(r"unnamed\s*via prod", found.text)
    assert '<time datetime="2026-05-09T09:46:40.5Z">2026-05-09 09:46:40Z</time>' in client.get("/").text
    assert tag_page("", HOST, "shop/web", "stable") in found.links
    assert f"/digests/{B}" in found.links


def test_filters_are_kept_over_older_pages(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, *(an_event(second=number, tag=f"t{number}") for number in range(5)))
    take_in(engine, an_event(second=9, repository="shop/api", tag="other"))
    seen, address, times = [], "/?repository=shop%2Fweb&tag=&kind=&limit=2", 0
    while address and times < 9:
        found = page(client, address)
        seen += re.findall(r"shop/web:(t\d)", found.text)
        assert "other" not in found.text
        address = next((link for link in found.links if "cursor=" in link), "")
        times += 1
    assert seen == ["t4", "t3", "t2", "t1", "t0"]
    assert times == 3


@pytest.mark.parametrize(
    "address",
    ["/?kind=renamed", "/?cursor=xx", "/?colour=red", "/?since=soon", "/digests/abc", "/deliveries?status=x",
     "/tag?registry=a", "/repository?registry=a", "/actor", "/actor?name=a&since=soon", "/quarantine?reson=a",
     "/ask?repository=a", "/pulls?since=soon", "/pulls?cursor=xx", "/pulls?digest=abc", "/pulls?stale=perhaps",
     "/diff?until=now", "/diff?since=soon", "/diff?since=1d&cursor=xx", "/moments?at=soon", "/moments?known_at=soon",
     "/moments?cursor=xx", "/moments?repository=*a*b*c*d*e", "/tag?registry=a&repository=*a*b*c*d*e&tag=c",
     "/digests", "/digests?digest=abc", "/digests?digest=sha256:xyzxyz", "/digests?digest=" + "a" * 65],
)
def test_what_can_not_be_asked_is_said_on_a_page(client: FlaskClient, address: str) -> None:
    assert "That did not work" in page(client, address, 400).text


@pytest.mark.parametrize(
    "address",
    ["/digests/" + C, "/deliveries/none", "/tag?registry=a&repository=b&tag=c", "/actor?name=x",
     "/repository?registry=a&repository=b", "/quarantine/none", "/digests?digest=" + C, "/digests?digest=cccccc"],
)
def test_what_is_not_there(client: FlaskClient, address: str) -> None:
    assert "Not found" in page(client, address, 404).text


def test_an_address_of_nothing_is_a_page_to_people_alone(client: FlaskClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    answer = client.get("/no/such", headers=browser)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no such page." in answer.text
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert client.get("/no/such", headers=accept).mimetype == "application/problem+json"
    answer = client.get("/api/v1/destinations/trigger:none", headers=browser)
    assert answer.mimetype == "application/problem+json", "which says more"


def test_a_database_that_is_away(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise engines.UnavailableError("the database went away")

    monkeypatch.setattr("app.web.pages.timeline.reading", away)
    assert "the database went away" in page(client, "/", 503).text


def test_a_tag(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=60, digest=B, actor="bob"), an_event(second=120, digest=C))
    address = tag_page("", HOST, "shop/web", "stable")
    found = page(client, address)
    assert re.search(rf"Now\s*{C}\s*Since\s*2026-05-09 09:48:40Z\s*Moved by\s*alice", found.text)
    assert found.tags.count("rect") == 3
    assert "Ambiguous" not in found.text
    assert re.search(r"b{12}\s*since 2026-05-09 09:47:40Z by bob via prod,\s*until 2026-05-09 09:48:40Z",
                     page(client, f"{address}&at=2026-05-09T09:47:41Z").text)
    assert "not known; the first knowledge is of 2026-05-09 09:46:40Z" in page(client, f"{address}&at=2020-01-01").text
    assert "That did not work" in page(client, f"{address}&at=never", 400).text


def test_a_tag_that_is_gone_or_unclear(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0, tag="old"), an_event(second=5, tag="old", digest=None, action="delete"))
    take_in(engine, an_event(second=0, tag="both"), an_event(second=0, tag="both", digest=B))
    assert re.search(r"Now\s*absent", page(client, tag_page("", HOST, "shop/web", "old")).text)
    assert "Ambiguous." in page(client, tag_page("", HOST, "shop/web", "both")).text


def test_a_digest(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=60, digest=B), an_event(second=70, tag="next"))
    found = page(client, f"/digests/{A}")
    assert re.search(r"First pushed\s*2026-05-09 09:46:40Z\s*By\s*alice via prod", found.text)
    assert re.search(r"point to it now\s*registry.example:5000/shop/web:next\s*since 2026-05-09 09:47:50Z", found.text)
    assert "2026-05-09 09:46:40Z to 2026-05-09 09:47:40Z" in found.text
    assert SHOP in found.links
    assert "No pull of it was told" in found.text


def test_a_digest_says_who_pulls_it(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(), an_event(second=5, repository="other/place"),
            an_event(second=60, action="pull", actor="carol", addr="192.0.2.9:1", useragent="containerd/2"),
            an_event(second=70, action="pull", digest=B, actor="dave"))
    found = page(client, f"/digests/{A}")
    pull = r"Who pulls it\s*registry.example:5000/shop/web:stable\s*2026-05-09 09:47:40Z\s*carol via prod\s*· from "
    assert re.search(pull + "192.0.2.9:1 with containerd/2", found.text)
    assert "dave" not in found.text
    assert re.search(r"Registries and repositories\s*registry.example:5000\s*other/placeshop/web", found.text)


def test_a_repository(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=60, digest=B, actor="bob"), an_event(second=70, actor=None))
    take_in(engine, an_event(second=80, tag="old"), an_event(second=90, tag="old", action="delete", digest=None),
            an_event(second=95, repository="shop/webs", tag="another", actor="eve"))
    found = page(client, SHOP)
    assert re.search(r"First seen\s*2026-05-09 09:46:40Z\s*· a push by\s*alice via prod", found.text)
    changed = r"Changed by\s*alice\s*· last 2026-05-09 09:48:10Z\s*bob\s*· last 2026-05-09 09:47:40Z"
    assert re.search(changed, found.text)
    assert re.search(r"stable\s*a{12}\s*since 2026-05-09 09:47:50Z", found.text)
    assert not re.search(r"old\s*absent", found.text)
    assert re.search(r"old\s*absent", page(client, f"{SHOP}&removed=1").text)
    assert "another" not in found.text
    assert "eve" not in found.text
    assert {"/actor?name=bob", "/?" + SHOP.partition("?")[2], tag_page("", HOST, "shop/web", "stable")} < {*found.links}
    assert SHOP in page(client, "/").links
    assert SHOP in page(client, tag_page("", HOST, "shop/web", "stable")).links


def test_repositories(client: FlaskClient, engine: Engine) -> None:
    assert "No registry has told of one yet" in page(client, "/repositories").text
    take_in(engine, an_event(second=5), an_event(), an_event(second=60, repository="shop/api", actor="bob"))
    found = page(client, "/repositories")
    line = r"registry.example:5000/shop/api\s*first seen 2026-05-09 09:47:40Z\s*a push by\s*bob via prod"
    assert re.search(line + r".*shop/web\s*first seen 2026-05-09 09:46:40Z\s*a push by\s*alice", found.text, re.DOTALL)
    assert SHOP in found.links
    some = page(client, "/repositories?first_seen_until=2026-05-09T09:47:00Z&repository=shop/*&registry=")
    assert re.findall(r"shop/\w+", some.text) == ["shop/web"]
    assert "No repository matches" in page(client, "/repositories?repository=none").text
    (older,) = (link for link in page(client, "/repositories?limit=1").links if "cursor=" in link)
    assert re.findall(r"shop/\w+", page(client, older).text) == ["shop/web"]


def test_a_pattern_is_no_repository(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event())
    page(client, f"/repository?registry={HOST}&repository=shop/*", 404)


def test_tags_of_a_repository_go_on_over_pages(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, *(an_event(second=number, tag=f"t{number}") for number in range(5)))
    seen, address, times = [], f"{SHOP}&limit=2", 0
    while address and times < 9:
        found = page(client, address)
        seen += [link.rpartition("=")[2] for link in found.links if link.startswith("/tag?")]
        address = next((link for link in found.links if "cursor=" in link), "")
        times += 1
    assert seen == ["t0", "t1", "t4", "t3", "t2", "t1", "t0", "t2", "t3", "t4"], "latest changes stand once"
    assert times == 3


def test_an_actor(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=10), an_event(second=60, digest=B, addr="192.0.2.9:1"),
            an_event(second=70, action="pull", repository="shop/api"), an_event(second=80, actor="bob", tag="his"))
    found = page(client, "/actor?name=alice")
    moved = r"2026-05-09 09:47:40Z\s*↑push\s*registry.example:5000/shop/web:stable\s*moved\s*a{12}\s*→\s*b{12}"
    assert re.search(moved + r"\s*via prod\s*· from 192.0.2.9:1 with docker", found.text)
    assert re.search(r"09:46:50Z\s*↑push\s*\S*shop/web:stable\s*a{12}\s*changed nothing", found.text)
    assert re.search(r"↓pull\s*\S*shop/api:stable", found.text)
    assert "his" not in found.text.replace("this", "")
    some = page(client, "/actor?name=alice&since=2026-05-09T09:46:45Z&until=2026-05-09T09:47:41Z&action=&repository=")
    assert re.findall(r"09:4\d:\d\dZ", some.text) == ["09:47:40Z", "09:46:50Z"]
    assert "pull" in page(client, "/actor?name=alice&action=pull").text
    assert "Nothing matches" in page(client, "/actor?name=alice&repository=none/*").text
    assert "/actor?name=alice" in page(client, "/").links


def test_deeds_go_on_over_pages(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, *(an_event(second=number, tag=f"t{number}") for number in range(5)))
    seen, address = [], "/actor?name=alice&limit=2"
    while address:
        found = page(client, address)
        seen += re.findall(r"shop/web:(t\d)", found.text)
        address = next((link for link in found.links if "cursor=" in link), "")
    assert seen == ["t4", "t3", "t2", "t1", "t0"]


def quarantine_it(engine: Engine, body: bytes, *why: str) -> str:
    entry = reject("prod", Received(body), moment(1), why or ("unreadable", "not JSON: line 1"))
    with engines.writing(engine) as connection:
        quarantined.add(connection, [entry])
    return entry.id


def test_the_quarantine(client: FlaskClient, engine: Engine) -> None:
    assert "Nothing waits here" in page(client, "/quarantine").text
    identity = quarantine_it(engine, b"<b>no\x1b\xff</b>")
    found = page(client, "/quarantine")
    assert re.search(r"2026-05-09 09:46:41Z\s*\?unreadable\s*prod\s*not JSON: line 1\s*11 bytes", found.text)
    assert f"/quarantine/{identity}" in found.links
    assert "No entry matches" in page(client, "/quarantine?origin=other&reason=&since=").text
    one = page(client, f"/quarantine/{identity}")
    assert "<b>no\\u001b\\xff</b>" in one.text
    assert f"/api/v1/quarantine/{identity}/raw" in one.links
    assert "Read again" in one.text
    large = quarantine_it(engine, b"{", "too-large", "more than 4 MiB")
    assert "Read again" not in page(client, f"/quarantine/{large}").text, "it can't help there"


def read_again(client: FlaskClient, identity: str) -> TestResponse:
    """As a browser does: with the proof from the entry's page."""
    form = client.get(f"/quarantine/{identity}").text
    (proof,) = re.findall('name="csrf" value="([^"]+)"', form)
    return client.post(f"/quarantine/{identity}/retry", data={"csrf": proof})


def test_what_waits_is_read_again(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once what kept it out is mended, as by a newer version, it is history; until then it stays, and says why."""
    (tmp_path / "tagtrail.yml").write_text('origins: {prod: {kind: distribution, auth: {bearer: "${env:PROD}"}}}')
    good, bad = quarantine_it(engine, envelope(an_event(tag="late"))), quarantine_it(engine, b"{")
    with client_of(monkeypatch, tmp_path, database_url, PROD="s3cret") as client:
        assert client.post(f"/quarantine/{good}/retry").status_code == 403, "a form of another site"
        answer = read_again(client, good)
        with engines.reading(engine) as connection:
            (done,) = actions.page(connection, EVERYTHING, ActionFilter(), Paging()).items
        assert (done.actor, done.verb, done.subject) == ("loopback", "quarantine.retry", good)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/quarantine/{good}")
        after = page(client, f"/quarantine/{good}")
        assert "Taken in" in after.text
        assert "Read again" not in after.text
        assert ":late" in page(client, "/").text
        stays = read_again(client, bad)
        assert stays.status_code == 422
        assert "It stays." in stays.text
        assert [link for link in page(client, "/quarantine").links if "/quarantine/" in link] == [f"/quarantine/{bad}"]
        assert page(client, "/quarantine?resolved=1").links.count(f"/quarantine/{good}") == 1
        assert client.post("/quarantine/none/retry", headers={"Authorization": "Bearer x"}).status_code == 404


def test_deliveries(client: FlaskClient, engine: Engine) -> None:
    assert "A rule in tagtrail.yml" in page(client, "/deliveries").text
    add_delivery(engine, "msg_1", 0, body=b"one\ntwo\x1b")
    try_delivery(engine, "trigger:web", 1, (503, "HTTP 503", b"<b>busy</b>\r\n"))
    found = page(client, "/deliveries")
    assert re.search(r"…pending\s*trigger:web · rule web", found.text)
    assert re.search(r"HTTP 503 · 1 attempt, next 2026-05-09 09:47:41Z", found.text)
    assert "No delivery matches" in page(client, "/deliveries?status=dead&destination=&since=").text
    one = page(client, "/deliveries/msg_1")
    assert "one\ntwo\\u001b" in one.text
    assert "<b>busy</b>" in one.text
    assert re.search(r"HTTP 503\s*· took 12 ms", one.text)


ORIGINS = """
origins:
  prod: {kind: distribution, registries: ["registry.example:5000"], auth: {bearer: "${env:PROD}"}, expect_every: 1h}
  quiet: {kind: harbor, insecure: "only <b>this</b> machine reaches it", expect_every: 30d}
  easy: {kind: quay, auth: {path: "${env:PROD}"}}
"""


def test_origins(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tagtrail.yml").write_text(ORIGINS)
    again = an_event(second=70)
    take_in(engine, an_event(second=0, actor=None), an_event(second=60, actor=None), received=63)
    take_in(engine, again | {"actor": {}}, again | {"actor": {}}, received=68)
    with client_of(monkeypatch, tmp_path, database_url, PROD="s3cret") as client:
        page(client, "/origins")
        text = " ".join(Page(client.get("/origins").text.replace("</dt>", "</dt> ")).text.split())
    easy, prod, quiet = re.split(r"prod distribution|quiet harbor", text)
    assert "easy quay" in easy
    assert "Registry easy Proof path Last heard never Events 0 Duplicates 0" in easy
    assert "Silent" not in easy
    assert "Silent. Last heard 2026-05-09 09:47:48Z; something is expected every 60 min." in prod
    assert "Registry registry.example:5000 Proof bearer Last heard 2026-05-09 09:47:48Z" in prod
    assert "Last event 2026-05-09 09:47:50Z Lag 3.0 s · median Clock up to 2.0 s ahead of ours" in prod
    assert "Never gives actor Events 3 Duplicates 1 Ignored 0 Quarantined 0 Gaps none known" in prod
    assert "Silent. Never heard; something is expected every 30 d." in quiet
    assert "Proves nothing: only <b>this</b> machine reaches it" in quiet
    assert "s3cret" not in text


def test_without_an_origin_one_is_told_how_to_add_it(client: FlaskClient) -> None:
    assert "tagtrail origin add prod" in page(client, "/origins").text


@pytest.mark.parametrize(
    ("span_ns", "shown"),
    [(0, "0 ms"), (840_400_000, "840 ms"), (-3_200_000, "-3 ms"), (3_249_000_000, "3.2 s"), (119 * 10**9, "119.0 s"),
     (300 * 10**9, "5 min"), (3600 * 10**9, "60 min"), (36 * 3600 * 10**9, "36 h"), (12 * 86400 * 10**9, "12 d")],
)
def test_durations(span_ns: int, shown: str) -> None:
    assert duration(span_ns) == shown


def test_hostile_text_is_shown_and_does_nothing(client: FlaskClient, engine: Engine) -> None:
    everywhere = dict.fromkeys(("tag", "actor", "addr", "useragent", "repository", "host"), HOSTILE)
    take_in(engine, an_event(**everywhere), an_event(**everywhere, action="pull"))
    shown = "\\u0000\\u001b[31m\\u202e\\u000d\\u000aSet-Cookie=x\\ud800{{7*7}}"
    stored = HOSTILE.replace("\0", "\\u0000").replace("\ud800", "\\ud800")
    add_delivery(engine, "msg_1", 0, tag=stored, rule=stored)
    entry = quarantine_it(engine, HOSTILE.encode("utf-8", "backslashreplace"), "unreadable", stored)
    addresses = (
        "/", tag_page("", HOST, stored, stored), f"/digests/{A}", "/deliveries", "/deliveries/msg_1",
        repository_address(HOST, stored), actor_address(stored), "/repositories", "/quarantine",
        f"/quarantine/{entry}", "/moments", "/moments?known_at=now", "/diff?since=2020-01-01", "/pulls",
        f"/digests?digest={A[:20]}", "/diff" + query({"since": "2020-01-01", "known_at": "now", "repository": stored}),
        "/" + query({"known_at": "now", "repository": stored}), "/pulls" + query({"repository": stored}),
        tag_page("", HOST, stored, stored) + "&known_at=now",
    )
    for address in addresses:
        answer = client.get(address)
        found = page(client, address)
        assert "<script>alert(1)</script>" in found.text, address
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", answer.text), address
        assert all(cookie.startswith("tagtrail=") for cookie in answer.headers.getlist("Set-Cookie")), "ours or none"
        assert shown in found.text, address
    for link in page(client, "/").links:
        with client.get(link) as answer:
            assert answer.status_code == 200, link


def test_a_form_repeats_hostile_text_exactly(client: FlaskClient) -> None:
    answer = client.get("/", query_string={"tag": '"><b>\u202e'})
    assert 'value="&#34;&gt;&lt;b&gt;&#8238;"' in answer.text


def test_lines_keep_their_ends() -> None:
    assert lines(b"a\r\nb\x07<\xff") == "a\nb\\u0007&lt;\\xff"


def test_a_band_keeps_within_its_bounds(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=1, digest=B), an_event(second=2, digest=None, action="delete"),
            an_event(second=10**6, digest=A))
    with engines.reading(engine) as connection:
        newest_first = changes.page(connection, EVERYTHING, ChangeFilter(), Paging()).items
    found = band(newest_first, moment(10**6))
    assert [segment.tone for segment in found] == [0, 1, None, 0]
    assert all(segment.width >= THINNEST and 0 <= segment.left <= 100 - segment.width for segment in found)
    assert band(newest_first[:1], moment(10**6)) == []


def test_static_files(client: FlaskClient) -> None:
    for name, media_type in (("tagtrail.css", "text/css"), ("icon.svg", "image/svg+xml")):
        with client.get(f"/static/{name}") as answer:
            assert (answer.status_code, answer.mimetype) == (200, media_type)


@pytest.mark.parametrize(("repository", "tag"), [("shop/*", "stable"), ("shop/web", "*"), ("**", "sta*")])
def test_a_tags_page_never_mixes_tags(client: FlaskClient, engine: Engine, repository: str, tag: str) -> None:
    take_in(engine, an_event(), an_event(repository="shop/api", tag="stale"))
    assert "of one tag" in page(client, tag_page("", HOST, repository, tag), status=404).text

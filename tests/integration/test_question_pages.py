"""The auditor's questions as pages: what each answers, with which filters, and how it says what was not known."""

import csv
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from builders import HOST, A, B, C, an_event, take_in
from flask.testing import FlaskClient
from reading_app import client_of
from sqlalchemy import Engine

from app.domain.links import tag_page
from app.store.queries import paging

STABLE = tag_page("", HOST, "shop/web", "stable")
KNOWN = "2026-05-11T03:26:40Z"
"""Second 150 000 of the story: what was told of it had been received (second 100 000), but not what came late."""


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


def text_of(client: FlaskClient, address: str, status: int = 200) -> str:
    """What a reader sees, in one line."""
    return shown_in(html_of(client, address, status))


def html_of(client: FlaskClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), answer.text
    return answer.text


def shown_in(html: str) -> str:
    body = html.partition("<main")[2]
    shown = " ".join(unescape(re.sub("<[^>]*>", " ", re.sub("(?s)<form.*?</form>", "", body))).split())
    return re.sub(r" ([.,:;])(?= |$)", r"\1", shown)


def links_of(client: FlaskClient, address: str) -> list[str]:
    return links_in(client.get(address).text)


def links_in(html: str) -> list[str]:
    return [unescape(link) for link in re.findall('href="([^"]*)"', html)]


def every_page(client: FlaskClient, address: str) -> list[str]:
    """The texts of a list's pages, one after the other."""
    texts = []
    while address:
        assert len(texts) < 20
        html = html_of(client, address)
        texts.append(shown_in(html))
        address = next((link for link in links_in(html) if "cursor=" in link), "")
    return texts


@pytest.fixture
def late(engine: Engine) -> None:
    """A moved to C; long after, somebody told that bob had pushed B in between."""
    take_in(engine, an_event(second=0), an_event(second=60, digest=C))
    take_in(engine, an_event(second=30, digest=B, actor="bob"), an_event(second=40, tag="new", actor="bob"),
            received=200_000)


# Ask


class Form:
    """A form of a page: where it leads, its fields, and which of them must be filled."""

    def __init__(self, html: str) -> None:
        (self.action,) = re.findall('action="([^"]*)"', html)
        self.fixed = dict(re.findall('type="hidden" name="([^"]*)" value="([^"]*)"', html))
        self.fields = re.findall('<label class="field"><span>[^<]*</span>\\s*<input name="([^"]*)"', html)
        self.required = re.findall('<input name="([^"]*)"[^>]* required', html)


SAID = {
    "repository": "shop/*", "tag": "sta*", "at": "2026-05-10", "since": "2026-01-01", "until": "2026-12-01",
    "known_at": "now", "digest": A[:15], "name": "alice", "actor": "alice", "first_seen_since": "2026-01-01",
    "first_seen_until": "2027-01-01",
}


def test_each_question_of_ask_leads_to_its_answer(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(), an_event(second=1, action="pull"), an_event(second=2, tag="sta-1.0"))
    html = client.get("/ask").text
    forms = [Form(one) for one in re.findall("(?s)<form.*?</form>", html)]
    questions = {"/", "/moments", "/diff", "/digests", "/actor", "/pulls", "/repositories"}
    assert {form.action for form in forms} == questions
    assert [form.fixed for form in forms if form.fixed] == [{"moved_releases": "1"}, {"stale": "1"}]
    for form in forms:
        assert form.fields
        filled = {**form.fixed, **{name: SAID[name] for name in form.fields}}
        sparse = {**dict.fromkeys(form.fields, ""), **form.fixed, **{name: SAID[name] for name in form.required}}
        for said in (filled, sparse):
            answer = client.get(form.action, query_string=said)
            assert answer.status_code == 200, (form.action, said, answer.text)
        if form.required:
            left_out = client.get(form.action, query_string={form.required[0]: ""} | {"tag": "x"})
            assert (left_out.status_code == 400) is (form.action != "/"), form.action


def test_every_page_leads_to_ask(client: FlaskClient) -> None:
    for address in ("/", "/ask", "/pulls", "/?kind=none"):
        assert "/ask" in links_of(client, address)


# Moments


def test_where_tags_pointed_at_a_moment(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=60, digest=B, actor="bob"), an_event(second=70, tag="later"),
            an_event(second=5, tag="old"), an_event(second=20, tag="old", action="delete", digest=None),
            an_event(second=0, repository="shop/api", tag="both"),
            an_event(second=0, repository="shop/api", tag="both", digest=B))
    shown = text_of(client, "/moments?at=2026-05-09T09:47:10Z&repository=shop/web&tag=")
    assert "At 2026-05-09 09:47:10Z, by name: " in shown
    assert re.search(r"web :later not known before 2026-05-09 09:47:50Z", shown)
    assert re.search(r"web :old absent since 2026-05-09 09:47:00Z alice via prod", shown)
    assert re.search(r":stable a{12} 2026-05-09 09:46:40Z to 2026-05-09 09:47:40Z alice via prod", shown)
    assert "shop/api" not in shown
    assert re.search(r"stable b{12} since 2026-05-09 09:47:40Z bob", text_of(client, "/moments?tag=sta*"))
    assert "ambiguous" in text_of(client, "/moments?repository=*/api")
    assert "No tag matches." in text_of(client, "/moments?repository=none")


def test_moments_of_nothing(client: FlaskClient) -> None:
    assert "No registry has told of a tag yet." in text_of(client, "/moments")


def test_further_pages_are_of_the_same_moment(client: FlaskClient, engine: Engine) -> None:
    """`now` on the first page is not what it would be on the second."""
    take_in(engine, *(an_event(second=number, tag=f"t{number}") for number in range(5)))
    texts = every_page(client, "/moments?limit=2")
    assert [re.findall(r":(t\d)", text) for text in texts] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    assert len({re.findall(r"At (\S+ \S+), by name", text)[0] for text in texts}) == 1


# Differences


def test_what_changed_between_two_moments(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=60, digest=B, actor="bob"), an_event(second=70, tag="later"),
            an_event(second=0, tag="same"), an_event(second=10, repository="shop/api", actor=None))
    shown = text_of(client, "/diff?since=2026-05-09T09:46:45Z&until=2026-05-09T09:47:45Z")
    assert "pointed elsewhere at 2026-05-09 09:47:45Z than at 2026-05-09 09:46:45Z" in shown
    first = r"2026-05-09 09:47:40Z registry.example:5000/ shop/web :stable a{12} → b{12} bob via prod"
    second = r"2026-05-09 09:46:50Z registry.example:5000/ shop/api :stable unknown → a{12} unnamed via prod"
    assert re.search(f"{first} {second} The whole list", shown)
    assert "same" not in shown
    assert "later" not in shown
    assert ":later" in text_of(client, "/diff?since=2026-05-09T09:46:45Z&until=&tag=lat*")
    assert "No tag that you ask for pointed elsewhere" in text_of(client, "/diff?since=now")


def test_a_difference_wants_a_first_moment(client: FlaskClient) -> None:
    assert "Say since when" in text_of(client, "/diff")
    assert "Say since when" in text_of(client, "/diff?since=&until=&repository=")
    assert "since: is missing" in text_of(client, "/diff?until=now", 400)


def test_further_differences_are_between_the_same_moments(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, *(an_event(second=number, tag=f"t{number}") for number in range(3)))
    texts = every_page(client, "/diff?since=999w&limit=1")
    assert [re.findall(r":(t\d)", text) for text in texts] == [["t2"], ["t1"], ["t0"]]
    assert len({re.findall(r"elsewhere at (\S+ \S+) than at (\S+ \S+);", text)[0] for text in texts}) == 1


# Pulls


def test_what_was_pulled(client: FlaskClient, engine: Engine) -> None:
    assert "No registry has told of a pull yet." in text_of(client, "/pulls")
    take_in(engine, an_event(),
            an_event(second=60, action="pull", actor="carol", addr="192.0.2.9:1", useragent="cri/2"),
            an_event(second=70, action="pull", repository="shop/api", tag=None, actor=None))
    shown = text_of(client, "/pulls")
    one = r"2026-05-09 09:47:40Z registry.example:5000/ shop/web :stable a{12} carol · from 192.0.2.9:1 with cri/2"
    assert re.search(rf"shop/api a{{12}} unnamed · from .* {one} · via prod", shown)
    some = text_of(client, "/pulls?actor=carol&until=2026-05-09T09:47:41Z&repository=&tag=&since=&stale=")
    assert "shop/web" in some
    assert "unnamed" not in some
    assert "No pull matches." in text_of(client, "/pulls?repository=shop/w*&since=2026-05-09T09:47:41Z")
    assert re.search("unnamed · from", text_of(client, f"/pulls?digest={A}&registry={HOST}&origin=prod"))
    assert f"/pulls?digest={quote(A, safe='')}" in links_of(client, f"/digests/{A}")


def test_who_pulls_what_is_no_longer_current(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(), an_event(second=60, digest=B), an_event(second=70, action="pull", actor="stays-behind"),
            an_event(second=80, action="pull", digest=B, actor="up-to-date"))
    assert "up-to-date" in text_of(client, "/pulls?stale=0")
    shown = text_of(client, "/pulls?stale=1")
    assert "and none does now" in shown
    assert "stays-behind" in shown
    assert "up-to-date" not in shown
    assert re.search('name="stale" value="1" checked', client.get("/pulls?stale=1").text)
    assert not re.search('name="stale" value="1" checked', client.get("/pulls?stale=0").text)


def test_a_page_of_stale_pulls_may_be_empty_and_leads_on(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_LOOKED_AT", 2)
    take_in(engine, an_event(), an_event(second=10, action="pull", actor="behind"), an_event(second=60, digest=B),
            *(an_event(second=70 + number, action="pull", digest=B) for number in range(4)))
    texts = every_page(client, "/pulls?stale=1")
    assert "Nothing on this page matches; older pulls may." in texts[0]
    assert [("behind" in text) for text in texts] == [False, False, True]


# Releases


def test_releases_that_moved(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(tag="v1.2.3"), an_event(second=5, tag="v1.2.3", digest=B, actor="bob"),
            an_event(second=6), an_event(second=7, digest=B), an_event(second=8, tag="v2.0.0"))
    shown = text_of(client, "/?moved_releases=1")
    assert shown.count("Moved releases") == 1
    assert re.search(r"→ moved registry.example:5000/ shop/web :v1.2.3 a{12} → b{12} bob", shown)
    assert not re.search("stable|v2.0.0", shown)
    assert "moved_releases=1" in unescape(client.get("/?moved_releases=1").text).partition('data-live="')[2]
    assert "stable" in text_of(client, "/?moved_releases=0&void=0")
    assert "checked" not in client.get("/?moved_releases=0&void=0").text


# Digests


def test_a_digest_is_found_by_its_beginning(client: FlaskClient, engine: Engine) -> None:
    twins = [f"sha256:abcdef{letter * 58}" for letter in "12"]
    take_in(engine, an_event(), *(an_event(tag=f"t{number}", digest=one) for number, one in enumerate(twins)))
    for text in (A, A[:13], "aaaaaa", "%20SHA256:AAAAAA%20"):
        assert text_of(client, f"/digests?digest={text}").partition(">")[2].split()[0] == A
    assert [link for link in links_of(client, "/digests?digest=abcdef") if "/digests/" in link] == [
        f"/digests/{one}" for one in twins
    ]
    assert "nobody has told of a digest that begins so" in text_of(client, "/digests?digest=bbbbbb", 404)
    assert "at least the first six hex characters" in text_of(client, "/digests?digest=abc", 400)


# As it was known


def test_a_tag_as_it_was_known(client: FlaskClient, late: None) -> None:
    assert re.search(r"moved b{12} → c{12} .* moved a{12} → b{12} bob", text_of(client, STABLE))
    shown = text_of(client, f"{STABLE}&known_at={KNOWN}&at=")
    assert f"As it was known at {KNOWN.replace('T', ' ')}. Only what Tagtrail had received by then counts" in shown
    assert re.search(r"At 2026-05-11 03:26:40Z: c{12} since 2026-05-09 09:47:40Z by alice via prod, and still", shown)
    assert re.search(r"History 2026-05-09 09:47:40Z → moved a{12} → c{12} .* created unknown → a{12}", shown)
    assert "bob" not in shown
    assert "Now" not in shown, "what is known now is another answer"
    shown = text_of(client, f"{STABLE}&known_at={KNOWN}&at=2026-05-09T09:47:11Z")
    assert re.search(r"At 2026-05-09 09:47:11Z: a{12} since .* until 2026-05-09 09:47:40Z", shown)
    assert re.search(r"At 2026-05-09 09:47:11Z: b{12} since", text_of(client, f"{STABLE}&at=2026-05-09T09:47:11Z"))
    assert re.search("By then nobody had told of this tag. History None was known.",
                     text_of(client, f"{STABLE}&known_at=2026-05-09"))
    assert "By then nobody had told" in text_of(client, tag_page("", HOST, "shop/web", "new") + f"&known_at={KNOWN}")


@pytest.mark.parametrize(
    ("address", "then", "now"),
    [
        ("/?repository=shop/*", r"moved \S+ shop/web :stable a{12} → c{12}",
         r"moved \S+ shop/web :stable b{12} → c{12}"),
        ("/moments?at=2026-05-09T09:47:11Z", r":stable a{12} .* to 2026-05-09 09:47:40Z alice",
         r":stable b{12} .* bob"),
        ("/diff?repository=shop/web&since=2026-05-09T09:47:11Z&until=2026-05-10", r":stable a{12} → c{12}",
         r":stable b{12} → c{12}"),
        ("/actor?name=alice", r":stable moved a{12} → c{12}", r":stable moved b{12} → c{12}"),
    ],
)
def test_lists_as_they_were_known(client: FlaskClient, late: None, address: str, then: str, now: str) -> None:
    known = f"{address}{'&' if '?' in address else '?'}known_at={KNOWN}"
    shown = text_of(client, known)
    assert re.search(then, shown)
    assert "As it was known at 2026-05-11 03:26:40Z." in shown
    assert not re.search("bob|:new", shown)
    assert re.search(now, text_of(client, address))
    assert "As it was known at" not in text_of(client, address)
    assert "data-live" not in client.get(known).text


def test_a_digest_as_it_was_known(client: FlaskClient, late: None) -> None:
    shown = text_of(client, f"/digests/{A}?known_at={KNOWN}")
    assert "As it was known at 2026-05-11 03:26:40Z." in shown
    assert re.search(r"now None\. .* :stable 2026-05-09 09:46:40Z to 2026-05-09 09:47:40Z alice", shown)
    now = text_of(client, f"/digests/{A}?known_at=")
    assert re.search(r":stable 2026-05-09 09:46:40Z to 2026-05-09 09:47:10Z alice", now)
    assert (":new" in shown, ":new" in now) == (False, True)
    assert "by then nobody had told of this digest" in text_of(client, f"/digests?digest={B}&known_at={KNOWN}", 404)


def test_repositories_as_they_were_known(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=30))
    take_in(engine, an_event(actor="bob"), an_event(repository="shop/api", actor="bob"), received=200_000)
    shown = text_of(client, f"/repositories?known_at={KNOWN}")
    assert re.search("As it was known at .* shop/web first seen 2026-05-09 09:47:10Z a push by alice", shown)
    assert "shop/api" not in shown
    assert re.search("shop/web first seen 2026-05-09 09:46:40Z a push by bob", text_of(client, "/repositories"))


def test_pulls_as_they_were_known(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(action="pull"))
    take_in(engine, an_event(second=30, action="pull", actor="bob"), received=200_000)
    shown = text_of(client, f"/pulls?known_at={KNOWN}")
    assert "As it was known at 2026-05-11 03:26:40Z." in shown
    assert ("alice" in shown, "bob" in shown) == (True, False)
    assert "bob" in text_of(client, "/pulls")
    assert "either out" in text_of(client, f"/pulls?stale=1&known_at={KNOWN}", 400)


def test_moments_as_known_are_of_the_moment_when_they_were_known(client: FlaskClient, late: None) -> None:
    assert "At 2026-05-11 03:26:40Z, by name: " in text_of(client, f"/moments?known_at={KNOWN}")
    assert "By then nobody had told of such a tag." in text_of(client, "/moments?known_at=2026-05-09")


@pytest.mark.parametrize("address", ["/?known_at=2h", "/diff?since=1d&known_at=2h"])
def test_what_was_known_wants_a_repository(client: FlaskClient, address: str) -> None:
    """The answer says so, and has what was asked in a form, to be mended."""
    shown = text_of(client, f"{address}&repository=", 400)
    assert "known_at: needs a repository too, or a pattern of some: repository=shop/*" in shown
    form = client.get(f"{address}&repository=&cursor=").text
    assert re.search('<input name="known_at" value="2h"', form)
    assert re.search('<input name="repository" value=""', form)
    assert "cursor" not in form
    text_of(client, f"{address}&repository=shop/*")


# Everywhere


@pytest.mark.parametrize("span", ["99999999999999w", "9" * 400 + "s"])
@pytest.mark.parametrize(
    "address", ["/moments?at=", "/moments?known_at=", "/diff?since=", "/pulls?since=", f"{STABLE}&at="]
)
def test_a_span_that_leads_before_all_times(client: FlaskClient, late: None, address: str, span: str) -> None:
    text_of(client, f"{address}{span}")


@pytest.mark.parametrize(
    ("address", "rows"),
    [("/?repository=shop/*&limit=1", 4), (f"/?repository=shop/*&known_at={KNOWN}", 2), ("/pulls", 1),
     ("/moments?at=2026-05-10&tag=%20new", 1), ("/diff?since=999w", 2), ("/repositories", 1),
     ("/actor?name=bob&action=push", 2)],
)
def test_the_whole_list_is_the_same_question(
    client: FlaskClient, engine: Engine, late: None, address: str, rows: int
) -> None:
    take_in(engine, an_event(second=90, action="pull"))
    for form, count in (("csv", rows + 1), ("jsonl", rows)):
        (whole,) = (link for link in links_of(client, address) if link.endswith(f"format={form}"))
        answer = client.get(whole)
        assert answer.status_code == 200, (whole, answer.text)
        lines = list(csv.reader(answer.text.splitlines())) if form == "csv" else answer.text.splitlines()
        assert len(lines) == count, whole
        assert "cursor" not in parse_qs(urlsplit(whole).query)


def test_a_repository_leads_to_its_questions(client: FlaskClient, late: None) -> None:
    here = f"/repository?registry={quote(HOST, safe='')}&repository=shop%2Fweb"
    for link in links_of(client, here):
        if link.startswith(("/moments?", "/diff?", "/pulls?")):
            assert "shop%2Fweb" in link
            text_of(client, link)
    assert {urlsplit(link).path for link in links_of(client, here)} >= {"/moments", "/diff", "/pulls"}

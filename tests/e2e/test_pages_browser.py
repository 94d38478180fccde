"""The pages in a real browser: on a phone and a desktop, light and dark, with nothing but HTML and CSS."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from builders import HOST, A, B, C, add_delivery, an_event, moment, take_in, try_delivery
from conftest import missing
from playwright.sync_api import Browser, Error, Locator, sync_playwright
from playwright.sync_api import Page as Tab
from werkzeug.serving import make_server

from app.bootstrap import Services, make_services
from app.domain.access import AccessScope, Role
from app.domain.approvals import Approval, secret_sha256
from app.domain.holds import Pause
from app.domain.links import tag_page
from app.envelopes import Received
from app.settings import load
from app.store import approvals, pauses
from app.store import quarantine as quarantined
from app.store.engine import Engine, writing
from app.store.migrate import upgrade
from app.usecases import tokens
from app.usecases.ingest import reject
from app.usecases.tokens import NewToken
from app.web.factory import create_app

pytestmark = pytest.mark.e2e

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
TWINS = [f"sha256:abcdef{letter * 58}" for letter in "01"]
HOSTILE = "<img src=x onerror=alert(1)>\u202e\r\n\x1b"
LONG = "x" * 200
LINK = "a" * 43
TAG = tag_page("", HOST, "shop/web", "stable")
ADDRESSES = {
    "timeline": "/",
    "filtered": f"/?registry={HOST}&kind=moved",
    "nothing": "/?tag=none",
    "known": "/?repository=**&known_at=2026-05-11",
    "moved releases": "/?moved_releases=1",
    "ask": "/ask",
    "moments": "/moments?at=2026-05-09T09:47:30Z",
    "moments then": "/moments?repository=shop/*&known_at=2026-05-11",
    "known before": "/moments?known_at=2026-01-01",
    "diff": "/diff?since=2026-05-09T09:47:00Z",
    "diff asks": "/diff",
    "no diff": "/diff?since=now",
    "pulls": "/pulls",
    "stale pulls": "/pulls?stale=1",
    "no pulls": "/pulls?tag=none",
    "digests": "/digests?digest=abcdef",
    "tag": TAG,
    "moment": f"{TAG}&at=2026-05-09T09:47:30Z",
    "tag known": f"{TAG}&known_at=2026-05-11&at=2026-05-09T09:47:30Z",
    "digest": f"/digests/{A}",
    "repositories": "/repositories",
    "repository": f"/repository?registry={HOST}&repository=shop/web",
    "long repository": f"/repository?registry={HOST}&repository={LONG}",
    "actor": "/actor?name=alice",
    "long actor": f"/actor?name={'z' * 300}",
    "did nothing": "/actor?name=alice&action=mount",
    "origins": "/origins",
    "quarantine": "/quarantine",
    "quarantined": "/quarantine/unreadable",
    "deliveries": "/deliveries",
    "delivery": "/deliveries/msg_1",
    "destinations": "/destinations",
    "destination": "/destinations/trigger:web",
    "pauses": "/pauses",
    "approvals": "/approvals",
    "approvals decided": "/approvals?all=true",
    "approval": "/approvals/msg_2",
    "approval decided": "/approvals/msg_3",
    "approval by link": f"/approve/{LINK}",
    "redeploy": f"/redeploy?registry={HOST}&repository=shop/web&tag=stable&digest={A}",
    "long redeploy": f"/redeploy?registry={HOST}&repository={LONG}&tag={'y' * 128}&digest={C}",
    "trace": f"/trace?of={A}",
    "long trace": f"/trace?of={C}",
    "trace asked": "/trace",
    "problem": f"/?kind=none&repository={LONG}",
}
ORIGINS = f"""
origins:
  prod: {{kind: distribution, registries: ["{HOST}"], insecure: "{LONG}", expect_every: 1h}}
  quiet: {{kind: harbor, registries: [one.example, two.example], insecure: "a test", expect_every: 30d}}
  hub: {{kind: dockerhub, auth: {{path: "${{file:secret}}"}}}}
triggers: {{web: {{kind: webhook, url: "http://127.0.0.1:9/"}}, {LONG[:63]}: {{kind: webhook, url: "http://127.0.0.1:9/"}}}}
rules:
  - {{name: web, when: {{origin: prod}}, deploy: [web, {LONG[:63]}], insecure: a test, confirm: false}}
  - {{name: {LONG[:60]}, when: {{origin: prod, tag: q}}, deploy: [web], insecure: x, confirm: false, paused: true}}
"""
SCREENS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]


@contextmanager
def served(services: Services) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    services.engine.dispose()


@pytest.fixture
def tell(site: str, services: Services) -> Callable[..., None]:
    """Have events arrive while the site is looked at."""
    return lambda *events: take_in(services.engine, *events)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "tagtrail.yml").write_text(ORIGINS)
        (folder / "secret").write_text("s3cret")
        patch.setenv("DATABASE_URL", f"sqlite:///{folder}/tagtrail.db")
        patch.setenv("TAGTRAIL_DATA", str(folder / "data"))
        return make_services(load())


def keep_unread(engine: Engine, why: str, body: bytes) -> None:
    """An entry of the quarantine whose id is the reason."""
    entry = replace(reject("prod", Received(body), moment(260), (why, f"{HOSTILE} {LONG}")), id=why)
    with writing(engine) as connection:
        quarantined.add(connection, [entry])


def hold_back(engine: Engine) -> None:
    """Pauses, and deploys that wait for somebody's word, or waited, one of them by a link."""
    add_delivery(engine, "msg_2", 310, after=A)
    add_delivery(engine, "msg_3", 311, repository=LONG, tag="y" * 128)
    asked = Approval("msg_2", A, moment(310), 2**62, None, None, None, None)
    decided = Approval("msg_3", B, moment(311), 2**62, "rejected", moment(320), "z" * 100, f"{HOSTILE} {LONG}")
    with writing(engine) as connection:
        approvals.add(connection, asked, secret_sha256(LINK))
        approvals.add(connection, decided, None)
        pauses.put(connection, Pause("rule:web", moment(330), None, "os:alice", None))
        pauses.put(connection, Pause(f"trigger:{LONG[:63]}", moment(331), 2**62, "z" * 100, f"{HOSTILE} {LONG}"))


@pytest.fixture(scope="module")
def site(services: Services) -> Iterator[str]:
    """The app over a database with a story that has long names and hostile text in it."""
    upgrade(services.engine)
    take_in(
        services.engine,
        *(an_event(second=60 * step, digest=digest) for step, digest in enumerate((A, B, A, C))),
        an_event(second=200, tag="old"), an_event(second=210, tag="old", action="delete", digest=None),
        an_event(second=220, tag=HOSTILE, actor=HOSTILE),
        an_event(second=230, repository=LONG, tag="y" * 128, actor="z" * 300, digest=C),
        *(an_event(second=20 + step, tag="v1.2.3", digest=digest) for step, digest in enumerate(TWINS)),
    )
    take_in(
        services.engine,
        an_event(second=240, action="pull", actor="carol"), an_event(second=250, action="pull", digest=C, actor=LONG),
        an_event(second=251, action="pull", digest=TWINS[0], tag=None, actor=None, repository=LONG),
        an_event(second=252, action="pull", digest=f"sha512:{'d' * 128}", useragent=HOSTILE),
    )
    late = an_event(second=100, digest=B, actor="late")
    take_in(services.engine, late, received=200_000)
    keep_unread(services.engine, "unreadable", b"{" + HOSTILE.encode() + b"q" * 500)
    keep_unread(services.engine, "too-large", b"x")
    add_delivery(services.engine, "msg_1", 300, body=b"q" * 500, repository=LONG)
    try_delivery(services.engine, "trigger:web", 301, (503, "HTTP 503", b"w" * 500))
    hold_back(services.engine)
    with served(services) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}-{screen[1]}")
def tab(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Tab]:
    """A tab without JavaScript that fails the test on any complaint of the browser, such as a breach of the CSP."""
    width, scheme = request.param
    context = browser.new_context(
        base_url=site, viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=False
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    context.close()
    assert [text for text in complaints if "status of 400" not in text] == []


def measure(tab: Tab, script: str) -> Any:
    """The debugger may look where the page's own scripts may not run."""
    session = tab.context.new_cdp_session(tab)
    return session.send("Runtime.evaluate", {"expression": script, "returnByValue": True})["result"].get("value")


def test_pages_fit_their_screen(tab: Tab, tmp_path: Path) -> None:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    right = "Math.max(...[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right))"
    for name, address in ADDRESSES.items():
        tab.goto(address)
        picture = tmp_path / f"{name}.png"
        tab.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 5_000
        assert measure(tab, wide) == 0, f"{name} scrolls sideways"
        assert measure(tab, f"{right} - innerWidth") <= 1, f"something sticks out of {name}"


NAMELESS = """[...document.querySelectorAll('input:not([type=hidden]), select')].filter(
  e => ![...(e.labels || [])].some(label => label.textContent.trim())).length"""


def test_everything_has_a_name(tab: Tab) -> None:
    for name, address in ADDRESSES.items():
        tab.goto(address)
        assert tab.locator("h1").count() == 1, name
        assert tab.locator("html[lang]").count() == 1, name
        assert measure(tab, NAMELESS) == 0, name
        assert tab.locator("img:not([alt]), svg:not([role=img][aria-label])").count() == 0, name
        assert tab.locator("time:not([datetime])").count() == 0, name


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance", of a computed `rgb(r, g, b)`."""
    parts = [int(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


COLOURS = """[...document.querySelectorAll('body *')].filter(
  e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.getClientRects().length && !e.closest('title')
).map(e => {
  let ground = e;
  while (ground && getComputedStyle(ground).backgroundColor == 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
  return [e.className || e.tagName, getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
})"""


def test_text_stands_out_from_its_ground(tab: Tab) -> None:
    """WCAG 2.2 AA, 1.4.3: a contrast of at least 4.5 to 1."""
    for name, address in ADDRESSES.items():
        tab.goto(address)
        pairs = measure(tab, COLOURS)
        assert len(pairs) > 5
        for what, text, ground in pairs:
            lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, what, text, ground)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_to_complain_of(browser: Browser, site: str, width: int, scheme: str) -> None:
    """All of axe-core's rules that are on by default. Its script runs past the policy, which the other tests hold."""
    context = browser.new_context(
        base_url=site, viewport={"width": width, "height": 800}, bypass_csp=True,
        color_scheme=scheme,  # type: ignore[arg-type]  one of the two
    )
    looked_at, axe = context.new_page(), Axe()
    for name, address in ADDRESSES.items():
        looked_at.goto(address)
        found = axe.run(looked_at).response
        assert len(found["passes"]) > 10, name
        complaints = [(rule["id"], node["html"], node["failureSummary"]) for rule in found["violations"]
                      for node in rule["nodes"]]
        assert complaints == [], name
    context.close()


def test_axe_would_find_something(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, bypass_csp=True)
    looked_at = context.new_page()
    looked_at.goto("/")
    looked_at.evaluate("document.querySelector('select').parentElement.replaceWith(document.querySelector('select'))")
    assert [rule["id"] for rule in Axe().run(looked_at).response["violations"]] == ["select-name"]
    context.close()


def test_focus_is_seen(tab: Tab) -> None:
    tab.goto("/")
    for _ in range(8):
        tab.keyboard.press("Tab")
        outline = measure(tab, "getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline, outline


def tab_to(opened: Tab, text: str) -> None:
    """Press the tabulator until the focus is on what says `text`."""
    for _ in range(60):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.textContent").strip() == text:
            return
    raise AssertionError(f"the keyboard does not reach {text!r}")


def test_the_keyboard_leads_everywhere(browser: Browser, site: str) -> None:
    opened = browser.new_page(base_url=site)
    opened.goto("/")
    for text, title in (
        ("Repositories", "Repositories"), ("registry.example:5000/shop/web", "shop/web"), ("stable", "shop/web:stable"),
        ("alice", "alice"), ("Quarantine", "Quarantine"),
    ):
        tab_to(opened, text)
        opened.keyboard.press("Enter")
        opened.wait_for_function("title => document.title.startsWith(`${title} · `)", arg=title)
    opened.goto("/quarantine/unreadable")
    tab_to(opened, "Read again")
    opened.keyboard.press("Enter")
    opened.get_by_role("alert").wait_for()
    assert opened.get_by_role("alert").inner_text().startswith("It stays.")
    opened.close()


def test_a_user_finds_a_tag_and_looks_back(tab: Tab) -> None:
    """Filter, follow, ask for a moment, go to the digest: by links and forms alone."""
    tab.goto("/")
    tab.get_by_label("Repository").fill("shop/web")
    tab.get_by_label("Tag", exact=True).fill("stable")
    tab.get_by_role("button", name="Show").click()
    assert tab.locator("ol.changes > li").count() == 4
    tab.locator("ol.changes a.tag").first.click()
    assert tab.url.endswith(TAG)
    tab.get_by_label("Where did it point at").fill("2026-05-09T09:48:00Z")
    tab.get_by_role("button", name="Show").click()
    answer = tab.get_by_role("status")
    assert "bbbbbbbbbbbb since 2026-05-09 09:47:40Z by alice" in " ".join(answer.inner_text().split())
    answer.locator("a.digest").click()
    assert tab.locator("h1").inner_text() == B


def asking(tab: Tab, question: str) -> Locator:
    """The card of a question on the page that has them all."""
    tab.goto("/")
    tab.get_by_role("link", name="Ask", exact=True).click()
    return tab.get_by_role("region", name=question)


def test_an_auditor_asks(tab: Tab) -> None:
    """From the navigation to the answer: by links and forms alone."""
    card = asking(tab, "What changed between two moments?")
    card.get_by_role("button").click()
    assert tab.url.endswith("/ask"), "the first moment must be filled in"
    card.get_by_role("textbox", name="First moment").fill("2026-05-09T09:47:05Z")
    card.get_by_role("textbox", name="Repository").fill("shop/*")
    card.get_by_role("button").click()
    assert "since=2026-05-09T09" in tab.url
    assert tab.locator("ol.diff .tag").all_inner_texts()[1:] == [":old", ":stable"]
    card = asking(tab, "Where did tags point at a moment?")
    card.get_by_role("textbox", name="Tag").fill("*able")
    card.get_by_role("textbox", name="At", exact=True).fill("2026-05-09T09:48:25Z")
    card.get_by_role("textbox", name="As it was known at").fill("2026-05-11")
    card.get_by_role("button").click()
    assert "Only what Tagtrail had received by then counts" in tab.locator("p.known").inner_text()
    assert tab.locator("ol.moments a.digest").inner_text() == "b" * 12
    card = asking(tab, "Who still pulls what is no longer current?")
    card.get_by_role("button").click()
    assert tab.get_by_label("Only what no tag points to").is_checked()
    tab.locator("ol.pulls a.digest").first.click()
    assert tab.locator("h1").inner_text() == TWINS[0]
    card = asking(tab, "Who pushed a digest, who pulls it, and which tags had it?")
    card.get_by_role("textbox", name="Digest").fill("abcdef1")
    card.get_by_role("button").click()
    assert tab.locator("h1").inner_text() == TWINS[1]


def test_the_keyboard_asks(browser: Browser, site: str) -> None:
    opened = browser.new_page(base_url=site)
    opened.goto("/")
    tab_to(opened, "Ask")
    opened.keyboard.press("Enter")
    opened.wait_for_url("**/ask")
    field = opened.get_by_role("region", name="What did somebody do?").get_by_label("Who")
    for _ in range(60):
        opened.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            break
    opened.keyboard.type("carol")
    opened.keyboard.press("Enter")
    opened.wait_for_url("**/actor?name=carol*")
    assert opened.locator("ol.deeds > li").count() == 1
    opened.close()


def test_a_wrong_question_is_mended_where_it_is_refused(tab: Tab) -> None:
    tab.goto("/?repository=&known_at=2026-05-11")
    tab.get_by_label("repository").fill("shop/web")
    tab.get_by_role("button", name="Ask again").click()
    assert tab.locator("ol.changes > li").count() > 4
    assert tab.get_by_label("As it was known at").input_value() == "2026-05-11"


def test_details_open_by_themselves_where_they_filter(tab: Tab) -> None:
    tab.goto("/")
    assert not tab.get_by_label("Registry").is_visible()
    tab.get_by_text("More filters").click()
    assert tab.get_by_label("Registry").is_visible()
    tab.goto(ADDRESSES["filtered"])
    assert tab.get_by_label("Registry").input_value() == HOST


def test_light_and_dark_differ(browser: Browser, site: str) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        opened = browser.new_page(base_url=site, color_scheme=scheme)  # type: ignore[arg-type]  one of the two
        opened.goto("/")
        grounds.add(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        opened.close()
    assert len(grounds) == 2


def test_hostile_text_runs_nothing(browser: Browser, site: str) -> None:
    """With JavaScript on: neither the text nor a script that got in some other way runs."""
    opened = browser.new_page(base_url=site)
    alerts: list[str] = []
    opened.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    opened.goto(f"{site}{tag_page('', HOST, 'shop/web', HOSTILE)}")
    assert "<img src=x onerror=alert(1)>\\u202e\\u000d\\u000a\\u001b" in opened.inner_text("h1")
    with pytest.raises(Error, match="Content Security Policy"):
        opened.add_script_tag(content="alert(2)")
    opened.close()
    assert alerts == []


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Engine]]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tagtrail.yml").write_text("web: {require_token: true}")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/tagtrail.db")
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    services = make_services(load())
    upgrade(services.engine)
    take_in(services.engine, an_event(), an_event(repository="secret/vault"))
    add_delivery(services.engine, "msg_1")
    with served(services) as url:
        yield url, services.engine


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_sign_in_look_act_and_sign_out(
    browser: Browser, guarded: tuple[str, Engine], tmp_path: Path, width: int, scheme: str
) -> None:
    """A real browser says for itself where a form comes from, and keeps cookies by the rules."""
    url, engine = guarded
    secret = tokens.issue(engine, NewToken("ann", Role.DEPLOY, AccessScope.parse([f"{HOST}/shop/*"])), "os:ann")
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 800}, java_script_enabled=False,
        color_scheme=scheme,  # type: ignore[arg-type]  one of the two
    )
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.goto("/deliveries/msg_1")
    assert tab.url == f"{url}/sign-in?next=%2Fdeliveries%2Fmsg_1"
    tab.get_by_label("Token").fill("wrong")
    tab.keyboard.press("Enter")
    assert "mistyped" in tab.get_by_role("alert").inner_text()
    tab.screenshot(path=tmp_path / "sign-in.png")
    tab.get_by_label("Token").fill(secret)
    tab.get_by_role("button", name="Sign in").click()
    assert tab.url == f"{url}/deliveries/msg_1"
    tab.get_by_role("button", name="Send again").click()
    assert tab.url == f"{url}/deliveries/msg_1"
    assert tab.locator("h1").inner_text() == "Delivery msg_1"
    tab.goto("/")
    assert "secret" not in tab.content()
    assert tab.locator("ol.changes > li").count() == 1
    tab.screenshot(path=tmp_path / "timeline.png")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    tab.get_by_role("link", name="token:ann").click()
    tab.screenshot(path=tmp_path / "signed-in.png")
    tab.get_by_role("button", name="Sign out").click()
    tab.goto("/")
    assert tab.url == f"{url}/sign-in?next=%2F"
    context.close()
    assert [text for text in complaints if "status of 401" not in text] == []

def test_a_page_that_is_looked_at_is_live(browser: Browser, site: str, tell: Callable[..., None]) -> None:
    """New changes come by themselves to their place: a late one below those that are newer."""
    opened = browser.new_page(base_url=site)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.goto("/?repository=live/shop")
    opened.get_by_text("Live: new changes").wait_for()
    assert opened.get_by_text("No change matches").is_visible()
    tell(an_event(second=400, repository="live/shop", tag="a"), an_event(second=500, repository="live/shop", tag="b"))
    opened.locator("ol.changes > li").nth(1).wait_for()
    assert not opened.get_by_text("No change matches").is_visible()
    tell(an_event(second=450, repository="live/shop", tag="late"), an_event(second=460, repository="else/where"))
    opened.get_by_text("late").wait_for()
    assert opened.locator("ol.changes .tag").all_inner_texts() == [":b", ":late", ":a"]
    opened.close()
    assert complaints == []

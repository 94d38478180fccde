"""What the chats and mail are told: what a reader sees, and nothing from outside that would act there."""

import email
import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import MOVED, NOTICE, TOLD, told

from app.domain.told import Deploy, Notice, Told
from app.outbound import Door, MailServer, Url
from app.sinks.discord import Discord
from app.sinks.email import Email
from app.sinks.sink import Channel, Message
from app.sinks.slack import Slack
from app.sinks.teams import Teams
from app.sinks.webhook import Webhook

URL = Url.parse("https://hooks.example/")
SEEN = [
    "moved registry.example:5000/shop/web:stable",
    "1b6ef1054860 → 9f86d081884c",
    "by alice at 2026-11-23T20:06:47Z, told by prod, rule web",
]
LINK = "https://tagtrail.example/c/chg-1"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture(scope="module")
def teams(door: Door) -> Teams:
    return Teams(door, URL)


@pytest.fixture(scope="module")
def discord(door: Door) -> Discord:
    return Discord(door, URL)


@pytest.fixture(scope="module")
def mail(door: Door) -> Email:
    return Email(door, MailServer("mail.example", 25, "none"), "tagtrail@example.com", ("ops@example.com",))


@pytest.fixture(scope="module")
def channels(door: Door, teams: Teams, discord: Discord, mail: Email) -> list[Channel]:
    return [teams, discord, mail, Slack(door, URL), Webhook(door, URL, None)]


# Teams


def card(message: Message) -> dict[str, Any]:
    body = json.loads(message.body)
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    return cast(dict[str, Any], attachment["content"])


def paragraphs(message: Message) -> list[list[dict[str, Any]]]:
    return [item["inlines"] for block in card(message)["body"] for item in block["items"]]


def test_teams_gets_an_adaptive_card(teams: Teams) -> None:
    message = teams.render([MOVED])
    shown = card(message)
    assert (shown["type"], shown["version"]) == ("AdaptiveCard", "1.4")
    assert shown["fallbackText"] == SEEN[0]
    *text, link = paragraphs(message)
    assert ["".join(run["text"] for run in line) for line in text] == SEEN
    assert [(run["text"], run["selectAction"]["url"]) for run in link] == [("Details", LINK)]


@given(change=TOLD)
def test_teams_runs_hold_text_and_nothing_else(teams: Teams, change: Told) -> None:
    message = teams.render([change, MOVED])
    assert len(message.body) < 28 * 1024
    for run in (run for line in paragraphs(message) for run in line):
        assert run["type"] == "TextRun"
        assert run["text"]
        assert not CONTROL.search(run["text"])
        if "selectAction" in run:
            assert run["selectAction"]["type"] == "Action.OpenUrl"
            assert run["selectAction"]["url"].startswith(("http://", "https://"))


def test_a_card_stays_below_what_teams_takes(teams: Teams) -> None:
    long = [told(repository="r" * 250, actor="a" * 250, tag="é" * 128) for _ in range(100)]
    message = teams.render(long)
    assert 10_000 < len(message.body) < 28 * 1024
    shown = len(card(message)["body"]) - 1
    assert paragraphs(message)[-1][0]["text"] == f"and {100 - shown} more"


# Discord


def embed(message: Message) -> str:
    body = json.loads(message.body)
    assert body["allowed_mentions"] == {"parse": []}
    assert set(body) == {"embeds", "allowed_mentions"}
    (one,) = body["embeds"]
    return str(one["description"])


def test_discord_gets_one_embed(discord: Discord) -> None:
    assert embed(discord.render([MOVED])) == (
        "**moved** `registry.example:5000/shop/web:stable`\n"
        "`1b6ef1054860` → `9f86d081884c`\n"
        "by `alice` at 2026-11-23T20:06:47Z, told by `prod`, rule `web`\n"
        f"[Details]({LINK})"
    )


OURS = re.compile(r"`[^`]+`|\[(?:Details|[0-9a-f]{12})\]\(https?://[^\s()<>\\]+\)|\\[\\*_~`|<>\[\]@#]|\*\*")


@given(change=TOLD)
def test_discord_acts_on_nothing_from_outside(discord: Discord, change: Told) -> None:
    text = embed(discord.render([change]))
    assert len(text) <= 4096
    assert text.count("\n") <= 3
    assert not CONTROL.search(text.replace("\n", ""))
    assert not re.search(r"[*_~`|<>\[\]@#]", OURS.sub("", text))


def test_many_changes_are_one_embed_of_those_that_fit(discord: Discord) -> None:
    text = embed(discord.render([MOVED] * 100))
    shown = text.count("**moved**")
    assert 3000 < len(text) <= 4096
    assert text.endswith(f"\n\nand {100 - shown} more")


# Mail


def parsed(message: Message) -> tuple[EmailMessage, str, str]:
    """The message, its text and its HTML, read by the standard library."""
    found = cast(EmailMessage, email.message_from_bytes(message.body, policy=SMTP))
    text, html = found.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return found, str(cast(EmailMessage, text).get_content()), str(cast(EmailMessage, html).get_content())


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def test_mail_has_text_and_html(mail: Email) -> None:
    message = mail.render([MOVED, told(tag="2", link=None)])
    found, text, html = parsed(message)
    assert found["Subject"] == "[tagtrail] moved registry.example:5000/shop/web:stable and 1 more"
    second = [SEEN[0].replace(":stable", ":2"), *SEEN[1:]]
    assert text.splitlines() == [*SEEN, f"Details: {LINK}", "", *second]
    assert Reader(html).text.split("\n\n")[0].strip().splitlines()[:4] == [*SEEN, "Details"]
    assert [attributes["href"] for tag, attributes in Reader(html).tags if tag == "a"] == [LINK]


@given(change=TOLD)
def test_mail_has_one_header_and_no_markup_from_outside(mail: Email, change: Told) -> None:
    message = mail.render([change])
    found, text, html = parsed(message)
    assert sorted(found.keys()) == sorted(["Subject", "Auto-Submitted", "MIME-Version", "Content-Type"])
    assert not CONTROL.search(found["Subject"])
    assert not CONTROL.search(text.replace("\r\n", ""))
    tags = {tag for tag, _attributes in Reader(html).tags}
    assert tags <= {"html", "body", "p", "br", "b", "code", "a"}
    for tag, attributes in Reader(html).tags:
        assert set(attributes) == ({"href"} if tag == "a" else set())
        assert (attributes.get("href") or "https://").startswith(("http://", "https://"))


def test_a_line_break_starts_no_header(mail: Email) -> None:
    message = mail.render([told(repository="x\r\nBcc: victim@example.com", registry="\nTo: y")])
    head = message.body.split(b"\r\n\r\n", 1)[0]
    assert not re.search(rb"(?im)^(bcc|to):", head)
    found, _text, _html = parsed(message)
    assert "\\u000d\\u000aBcc: victim@example.com" in found["Subject"]


# All


@given(change=TOLD, notice=NOTICE, more=st.integers(0, 3))
def test_the_same_gives_the_same_bytes(channels: list[Channel], change: Told, notice: Notice, more: int) -> None:
    for channel in channels:
        changes = [change] * (1 + more)
        assert channel.render(changes) == channel.render(changes)
        assert channel.notice(notice) == channel.notice(notice)
        assert channel.notice(notice).body


def test_a_notice_is_told_everywhere(channels: list[Channel]) -> None:
    notice = Notice("destination.disabled", "trigger:web", "Nothing but failures for 3 days.", MOVED.time_ns, LINK)
    for channel in channels:
        text = channel.notice(notice).body.decode().replace("\\\\_", "_")
        for part in ("destination.disabled", "trigger:web", "Nothing but failures for 3 days.", LINK):
            assert part in text


# How a deploy ended

FAILED = told(
    kind="deploy-failed",
    change_id="delivery:msg_7:dead",
    deploy=Deploy("web-prod", "msg_7", 3, "HTTP 410", ("2", "2.1", "3", "4", "5", "6", "7")),
)


def test_the_end_of_a_deploy_says_what_and_how(mail: Email) -> None:
    _found, text, _html = parsed(mail.render([FAILED]))
    assert text.splitlines()[:2] == [
        "deploy-failed registry.example:5000/shop/web:stable, 2, 2.1, 3, 4, 5 and 2 more tags",
        "1b6ef1054860 → 9f86d081884c by trigger web-prod, 3 tries: HTTP 410",
    ]


def test_a_webhook_gets_the_end_as_data(channels: list[Channel]) -> None:
    body = json.loads(channels[-1].render([FAILED]).body)
    assert (body["type"], body["data"]["change_id"]) == ("tag.deploy-failed", "delivery:msg_7:dead")
    assert body["data"]["deploy"] == {
        "trigger": "web-prod",
        "delivery_id": "msg_7",
        "tries": 3,
        "detail": "HTTP 410",
        "also": ["2", "2.1", "3", "4", "5", "6", "7"],
    }
    assert "deploy" not in json.loads(channels[-1].render([MOVED]).body)["data"]

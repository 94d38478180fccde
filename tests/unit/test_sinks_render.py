"""What sinks render: golden bytes, and nothing from outside that Slack would act upon."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from tellings import MOVED, TOLD, told

from app.domain.told import Told
from app.outbound import Door, Url
from app.sinks.sink import Sink
from app.sinks.slack import Slack
from app.sinks.webhook import Webhook


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture(scope="module")
def webhook(door: Door) -> Webhook:
    return Webhook(door, Url.parse("https://deploy.example/"), None)


@pytest.fixture(scope="module")
def slack(door: Door) -> Slack:
    return Slack(door, Url.parse("https://hooks.example/"))


def section(slack: Slack, change: Told) -> str:
    (block,) = json.loads(slack.render([change]).body)["blocks"]
    assert block["type"] == "section"
    assert block["text"]["type"] == "mrkdwn"
    assert block["text"]["verbatim"] is True
    return str(block["text"]["text"])


def test_a_webhooks_bytes(webhook: Webhook) -> None:
    zeros = "0" * 52
    message = webhook.render([MOVED])
    assert message.content_type == "application/json"
    assert message.body.decode() == (
        '{"type":"tag.moved","timestamp":"2026-11-23T20:06:47.474Z","data":{"change_id":"chg-1",'
        '"registry":"registry.example:5000","repository":"shop/web","tag":"stable",'
        f'"before":"sha256:1b6ef1054860{zeros}","after":"sha256:9f86d081884c{zeros}",'
        '"media_type":"application/vnd.oci.image.index.v1+json","actor":"alice","origin":"prod",'
        '"event_id":"0e2f1d5c","rule":"web","link":"https://tagtrail.example/c/chg-1","also":[]}}'
    )


def test_a_pull_without_a_tag_is_about_a_manifest(webhook: Webhook) -> None:
    body = json.loads(webhook.render([told(kind="pulled", tag=None)]).body)
    assert (body["type"], body["data"]["tag"]) == ("manifest.pulled", None)


def test_slacks_bytes(slack: Slack) -> None:
    text = (
        "*moved* `registry.example:5000/shop/web:stable`\n"
        "`1b6ef1054860` → `9f86d081884c`\n"
        "by `alice` at 2026-11-23T20:06:47Z, told by `prod`, rule `web`\n"
        "<https://tagtrail.example/c/chg-1|Details>"
    )
    message = slack.render([MOVED])
    assert message.content_type == "application/json"
    assert json.loads(message.body) == {
        "text": "moved registry.example:5000/shop/web:stable",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": text}}],
    }


def test_slack_tells_what_is_missing(slack: Slack) -> None:
    text = section(slack, told(kind="created", before="unknown", actor=None, link=None))
    assert "`unknown` → `9f86d081884c`\nby someone unknown at" in text
    assert text.endswith("rule `web`")


def test_slack_tells_a_pull_without_an_arrow(slack: Slack) -> None:
    text = section(slack, told(kind="pulled", tag=None))
    assert text.startswith("*pulled* `registry.example:5000/shop/web`\n`9f86d081884c`\n")


def test_markup_is_shown_and_not_obeyed(slack: Slack) -> None:
    text = section(slack, told(actor="<!channel> `*x*` &amp;\x1b[31m\n<@U1>"))
    assert "by `&lt;!channel&gt; '*x*' &amp;amp;\\u001b[31m\\u000a&lt;@U1&gt;` at" in text


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://h/?a=1&b=<x>|`y", "\n<https://h/?a=1&amp;b=%3Cx%3E%7C%60y|Details>"),
        ("javascript:alert(1)", ""),
        ("https://h/ <!channel>", ""),
        ("https://h/" + "x" * 1000, ""),
    ],
)
def test_links_stay_links(slack: Slack, link: str, shown: str) -> None:
    assert section(slack, told(link=link)).endswith("rule `web`" + shown)


MARKUP = re.compile(r"<([^>]*)>")
STRAY = re.compile(r"&(?!amp;|lt;|gt;)|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


@given(change=TOLD)
def test_slack_acts_on_nothing_from_outside(slack: Slack, change: Told) -> None:
    text = section(slack, change)
    fallback = json.loads(slack.render([change]).body)["text"]
    assert len(text) <= 3000
    assert text.count("\n") <= 3
    assert text.count("`") % 2 == 0
    for markup in MARKUP.findall(text):
        assert markup.startswith("http")
        assert re.search(r"\|(Details|[0-9a-f]{12})\Z", markup)
    assert not STRAY.search(text)
    assert not re.search(r"[<>\n]", fallback)


@given(change=TOLD)
def test_a_webhook_carries_every_text_unchanged(webhook: Webhook, change: Told) -> None:
    message = webhook.render([change])
    data = json.loads(message.body)["data"]
    for name in ("change_id", "registry", "repository", "tag", "before", "after", "actor", "origin", "link"):
        assert data[name] == getattr(change, name)
    assert message.body.isascii()


@given(change=TOLD)
def test_the_same_change_gives_the_same_bytes(webhook: Webhook, slack: Slack, change: Told) -> None:
    sinks: list[Sink] = [webhook, slack]
    for sink in sinks:
        assert sink.render([change]) == sink.render([change])

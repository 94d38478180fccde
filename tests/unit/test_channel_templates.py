"""Templates of channels: what people get to see, that no value acts in any markup, and mistakes told at the start."""

import email
import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tellings import MOVED, TOLD, told

from app.domain.told import Deploy, Told
from app.outbound import Door
from app.settings import ConfigurationError
from app.settings.channels import ChannelSection
from app.settings.sections import File
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.sink import Channel, Message

TEMPLATE = """\
{{ repository }}:{{ tag }} *is* now {{ digest[7:19] }} <@here>
{% if trigger %}{{ trigger }}: {{ detail }}, for {% for one in tags %}{{ one }} {% endfor %}{% endif %}
see {{ link }}, by {{ actor | default("nobody") }}
"""
SAID = ["shop/web:stable *is* now 9f86d081884c <@here>", "see ", "https://tagtrail.example/c/chg-1", ", by alice"]


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@cache
def made(door: Door, kind: str, template: str = TEMPLATE) -> Channel:
    where = (
        {"server": "m", "from": "a@example.com", "to": ["b@example.com"]} if kind == "email" else {"url": "http://x/"}
    )
    section = TypeAdapter(ChannelSection).validate_python({"kind": kind, "template": template, **where})
    return kinds.channel(section, door)


def mailed(message: Message) -> tuple[EmailMessage, str, str]:
    found = cast(EmailMessage, email.message_from_bytes(message.body, policy=SMTP))
    text, html = (str(cast(EmailMessage, part).get_content()) for part in found.iter_parts())
    return found, text, html


def sections(message: Message) -> list[str]:
    return [block["text"]["text"] for block in json.loads(message.body)["blocks"]]


def test_slack_says_it(door: Door) -> None:
    assert sections(made(door, "slack").render([MOVED])) == [
        "`shop/web`:`stable` *is* now `9f86d081884c` &lt;@here&gt;\n"
        "see \n<https://tagtrail.example/c/chg-1|Details>\n, by `alice`"
    ]


def test_discord_says_it(door: Door) -> None:
    (one,) = json.loads(made(door, "discord").render([MOVED]).body)["embeds"]
    assert one["description"].splitlines() == [
        r"`shop/web`:`stable` \*is\* now `9f86d081884c` \<\@here\>", "see ",
        "[Details](https://tagtrail.example/c/chg-1)", ", by `alice`",
    ]  # fmt: skip


def test_teams_says_it(door: Door) -> None:
    card = json.loads(made(door, "teams").render([MOVED]).body)["attachments"][0]["content"]
    lines = ["".join(run["text"] for run in one["inlines"]) for one in card["body"][0]["items"]]
    assert lines == [SAID[0], SAID[1], "Details", SAID[3]]


def test_mail_says_it(door: Door) -> None:
    _found, text, html = mailed(made(door, "email").render([MOVED]))
    assert text.splitlines() == [SAID[0], SAID[1], f"Details: {SAID[2]}", SAID[3]]
    assert "<code>stable</code> *is* now <code>9f86d081884c</code> &lt;@here&gt;" in html
    assert f'<a href="{SAID[2]}">Details</a>' in html


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own, of imghdr
def test_apprise_says_it(door: Door) -> None:
    pytest.importorskip("apprise")
    section = TypeAdapter(ChannelSection).validate_python({"kind": "apprise", "url": "json://x", "template": TEMPLATE})
    said = json.loads(kinds.channel(section, door).render([MOVED]).body)["body"]
    assert said.replace("\u200b", "").splitlines() == SAID


def test_each_change_of_a_message_is_said_by_it(door: Door) -> None:
    shown = sections(made(door, "slack", "{{ tag }} of {{ repository }}").render([MOVED, told(tag=None)]))
    assert shown == ["`stable` of `shop/web`", "of `shop/web`"]


def test_the_end_of_a_deploy_is_said_by_it(door: Door) -> None:
    end = told(kind="deployed", deploy=Deploy("web-prod", "msg_7", 2, "HTTP 200", ("2", "2.1")))
    (shown,) = sections(
        made(door, "slack", "{{ kind }} {{ trigger }} {{ tries }} {{ detail }} {{ tags | join }}").render([end])
    )
    assert shown == "`deployed` `web-prod` `2` `HTTP 200` `stable22.1`"


def test_a_webhook_gets_the_body_of_all(door: Door) -> None:
    template = '{"text": {{ kind | tojson }}, "all": [{% for one in changes %}{{ one.tag | tojson }}'
    template += "{% if not loop.last %},{% endif %}{% endfor %}]}"
    message = made(door, "webhook", template).render([MOVED, told(tag='"}')])
    assert json.loads(message.body) == {"text": "moved", "all": ["stable", '"}']}


def test_a_template_that_fails_loses_no_alert(door: Door) -> None:
    chat = made(door, "slack", "{{ origin[0] }}{{ rule[0] }}")
    (shown,) = sections(chat.render([told(rule="")]))
    assert shown.startswith("*moved* `registry.example:5000/shop/web:stable`")
    assert shown.splitlines()[-1].startswith("the template fails: ")


OURS = re.compile(r"`[^`]+`|\[(?:Details|[0-9a-f]{12})\]\(https?://[^\s()<>\\]+\)|\\[\\*_~`|<>\[\]@#]|\*\*")
ALL = "{{ kind }} {{ registry }}{{ repository }} {{ tag }} {{ before }}{{ after }}\n{{ actor }} {{ rule }} {{ link }}"


@given(
    change=TOLD, template=st.sampled_from([ALL, "x{{ actor }}y" * 90, "{{ repository ~ tag }}", "{{ tags | join }}x"])
)
def test_no_value_acts_anywhere(door: Door, change: Told, template: str) -> None:
    (shown,) = sections(made(door, "slack", template).render([change]))
    assert len(shown) <= 3000
    assert not re.search(r"<(?!https?://[^|<>]+\|(?:Details|[0-9a-f]{12})>)", shown)
    assert not re.search("[*_~]", re.sub(r"`[^`\n]+`|<[^>]+>|^\*[^*]+\*", "", shown))
    (embed,) = json.loads(made(door, "discord", template).render([change]).body)["embeds"]
    assert 0 < len(embed["description"]) <= 4096
    assert not re.search(r"[*_~`|<>\[\]@#]", OURS.sub("", embed["description"]))
    message = made(door, "email", template).render([change])
    assert set(re.findall(r"<(\w+)", mailed(message)[2])) <= {"html", "body", "p", "br", "b", "code", "a"}
    assert set(mailed(message)[0].keys()) == {"Subject", "Auto-Submitted", "MIME-Version", "Content-Type"}
    card = made(door, "teams", template).render([change])
    assert len(card.body) < 28 * 1024


@pytest.mark.parametrize(
    ("channel", "complaint"),
    [
        ("kind: slack, url: x, template: '{{ tga }}'", "no field is called 'tga'; known are actor, after, before"),
        ("kind: slack, url: x, template: '{{ tag'", "line 1 of the template: "),
        ("kind: slack, url: x, template: '{{ tag[7] }}'", "the template fails: "),
        ("kind: discord, url: x, template: '{{ tag }}'", "it prints nothing for some changes"),
        ("kind: discord, url: x, template: ' '", "it prints nothing for some changes"),
        ("kind: teams, url: x, template: '${env:HOOK} {{ kind }}'", "secrets don't belong into a message"),
        ('kind: teams, url: x, template: "a\\x02b"', "it holds a tab or a control character"),
        ("kind: webhook, url: x, template: '{{ tag }}'", "in JSON every value goes through tojson"),
        ("kind: webhook, url: x, template: 'moved'", "what it makes is not JSON"),
        ("kind: slack, url: x, content_type: text/plain", "unknown key 'content_type'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_the_start(tmp_path: Path, channel: str, complaint: str) -> None:
    path = tmp_path / "tagtrail.yml"
    path.write_text(f"channels:\n  ops: {{{channel}}}\n")
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as raised:
        read(path, File)
    assert f"{path}:2: channels.ops." in str(raised.value)


def test_a_webhook_may_be_told_in_text(tmp_path: Path) -> None:
    path = tmp_path / "tagtrail.yml"
    path.write_text("channels:\n  ops: {kind: webhook, url: x, content_type: text/plain, template: '{{ kind }}'}\n")
    assert read(path, File).channels["ops"].kind == "webhook"

"""Apprise against a listener: what its services send, and what its word means."""

import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from listener import Listener, Reply
from pydantic import SecretStr
from tellings import MOVED, TOLD

from app.domain.told import Told
from app.outbound import Door
from app.settings.channels import AppriseChannel
from app.sinks import kinds
from app.sinks.apprise import Apprise, AppriseError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own, of imghdr


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


def sink(door: Door, url: str) -> Apprise:
    made = kinds.channel(AppriseChannel.model_construct(url=SecretStr(url)), door)
    assert isinstance(made, Apprise)
    return made


@pytest.mark.parametrize(("status", "taken"), [(200, True), (500, False)])
def test_its_word_is_the_outcome(door: Door, status: int, taken: bool) -> None:
    with Listener([Reply(status, body=b"s3cr3t-s3cr3t")]) as listener:
        channel = sink(door, listener.url.replace("http:", "json:") + "/s3cr3t-s3cr3t")
        outcome = channel.send("msg_1", channel.render([MOVED]), 0)
        (heard,) = listener.wait_for(1)
    said = json.loads(heard.body)
    assert said["title"] == "moved registry.example:5000/shop/web:stable"
    assert "1b6ef1054860 → 9f86d081884c" in said["message"]
    assert (outcome.delivered, outcome.permanent, outcome.status) == (taken, False, None)
    assert "s3cr3t" not in repr((outcome, channel))


@pytest.mark.parametrize("url", ["nonsense://s3cr3t", "s3cr3t", ""])
def test_a_url_that_it_cannot_read_is_told_at_start(door: Door, url: str) -> None:
    with pytest.raises(AppriseError, match="Apprise can't read this URL") as caught:
        sink(door, url)
    assert "s3cr3t" not in str(caught.value)


def test_without_the_extra_the_start_says_what_to_install(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(AppriseError, match=r"pip install 'tagtrail\[apprise\]'"):
        sink(door, "json://localhost")


@given(change=TOLD)
def test_nothing_from_outside_can_begin_a_mention(change: Told) -> None:
    said = json.loads(Apprise("json://localhost").render([change]).body)
    for text in (said["title"], *(line for line in said["body"].split("\n") if not line.startswith("http"))):
        assert all(after == "\u200b" for before, after in zip(text, text[1:] + " ", strict=True) if before in "@<")

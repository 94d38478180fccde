"""How channels are configured: each kind its own keys, and complaints that name the line."""

from pathlib import Path

import pytest

from app.bootstrap import make_fan, make_sinks
from app.domain.limits import Limit
from app.outbound import Door
from app.settings import ConfigurationError, load
from app.settings.channels import EmailChannel, SlackChannel
from app.settings.sections import File
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.email import Email

MAIL = "kind: email, server: mail.example, from: a@example.com, to: [b@example.com]"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK", "https://hooks.example/services/T0/very-secret")
    monkeypatch.setenv("PASSWORD", "hunter2")
    return tmp_path / "tagtrail.yml"


def configured(path: Path, channel: str) -> File:
    path.write_text(f"channels:\n  ops: {{{channel}}}\n")
    return read(path, File)


def test_what_all_have(path: Path) -> None:
    section = configured(path, 'kind: slack, url: "${env:HOOK}", limit: 10/1m').channels["ops"]
    assert isinstance(section, SlackChannel)
    assert (section.limit, section.follow_up, section.settle) == (Limit(10, 60 * 10**9), True, 2 * 10**9)
    assert "very-secret" not in repr(section)


@pytest.mark.parametrize(
    ("keys", "port"), [("", 587), (", security: tls", 465), (", security: none", 25), (", port: 2525", 2525)]
)
def test_mail_has_the_usual_port(path: Path, keys: str, port: int) -> None:
    section = configured(path, MAIL + keys).channels["ops"]
    assert isinstance(section, EmailChannel)
    with Door() as door:
        sink = kinds.channel(section, door)
    assert isinstance(sink, Email)
    assert (sink.server.port, sink.sender, sink.recipients) == (port, "a@example.com", ("b@example.com",))


@pytest.mark.parametrize(
    ("channel", "complaint"),
    [
        ("kind: slak, url: x", ":2: channels.ops: "),
        ("url: x", ":2: channels.ops: it has no kind:"),
        ("kind: slack", ":2: channels.ops.url: this key is missing"),
        ('kind: slack, url: x, secret: "${env:PASSWORD}"', ":2: channels.ops.secret: unknown key 'secret'; "),
        ("kind: discord, url: x, limit: 10", ":2: channels.ops.limit: write a limit as 10/1m"),
        ("kind: email, server: mail.example, from: a@example.com, to: []", ":2: channels.ops.to: "),
        (MAIL + ", form: x", ":2: channels.ops.form: unknown key 'form'; did you mean 'from'?"),
        (MAIL + ", user: x", ":2: channels.ops: give both user: and password:, or neither"),
        (MAIL + ", user: x, password: hunter2", ":2: channels.ops.password: write secrets by reference"),
        (
            MAIL + ', user: x, password: "${env:PASSWORD}", security: none',
            ":2: channels.ops: a password needs security: starttls or tls",
        ),
        *[
            (f"kind: email, server: m, from: {address!r}, to: [b@example.com]", ":2: channels.ops.from: write an addr")
            for address in ("alice", "a b@x.example", "A <a@x.example>", "a@x.example, c@x.example", "a@ä.x", "@x", "")
        ],
    ],
)
def test_a_mistake_is_told(path: Path, channel: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configured(path, channel)
    assert complaint in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_line_break_in_an_address_is_refused(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write an address"):
        configured(path, 'kind: email, server: m, from: "a@example.com\\r\\nBcc: x@example.com", to: [b@example.com]')


def test_what_leads_to_channels_knows_their_limits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(path.parent / "data"))
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(path))
    path.write_text(
        'channels:\n  ops: {kind: slack, url: "${env:HOOK}", limit: 10/1m}\n'
        '  dev: {kind: teams, url: "${env:HOOK}", follow_up: false}\n'
    )
    settings = load()
    with Door() as door:
        fan = make_fan(settings, make_sinks(settings, door))
    assert fan.limits == {"channel:ops": Limit(10, 60 * 10**9)}
    assert set(fan.following) == {"channel:ops"}

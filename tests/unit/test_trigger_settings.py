"""What a trigger's section may say, and how a mistake in it is told."""

from pathlib import Path

import pytest

from app.settings.sections import File
from app.settings.triggers import KINDS, WebhookTrigger
from app.settings.yamlfile import ConfigurationError, read

GOOD = """\
triggers:
  web:
    kind: webhook
    url: https://deploy.example/hook
    headers: {X-Tag: "{{ tag }}", Authorization: "Bearer ${env:TOKEN}"}
    query: {tag: "{{ tag }}"}
    body: |
      {"digest": {{ digest | tojson }},
       "tag": {{ tag | tojson }}}
  gh: {kind: github-dispatch, repository: shop/web, token: "${env:TOKEN}"}
"""


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t0k3n-t0k3n")


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tagtrail.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read(path, File)
    assert "t0k3n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path))


def test_a_section_is_of_the_shape_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "tagtrail.yml"
    path.write_text(GOOD)
    section = read(path, File).triggers["web"]
    assert isinstance(section, WebhookTrigger)
    assert "t0k3n" not in repr(section) + section.model_dump_json()
    assert read(path, File, secrets=False).triggers["web"] != section


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("kind: webhook", "kind: webhok", ":3: triggers.web.kind: no kind of trigger is called 'webhok'; did you mean"),
        ("kind: webhook", "settle: 1s", ":2: triggers.web.kind: no kind of trigger is called ''; known are webhook,"),
        ("query:", "qery:", ":6: triggers.web.qery: unknown key 'qery'; did you mean 'query'?"),
        ("    url: https://deploy.example/hook\n", "", ":2: triggers.web.url: this key is missing"),
        ("{{ digest | tojson }}", "{{ digest }}", ":7: triggers.web.body: line 1 of the template: in JSON every "),
        ("{{ tag | tojson }}", "{{ tga | tojson }}", ":7: triggers.web.body: line 2 of the template: no field is "),
        ('"tag": {{', '"tag" {{', ":7: triggers.web.body: what it makes is not JSON: Expecting ':' delimiter"),
        ('"tag": {{ tag |', '"tag": {{ tag[0] |', ":7: triggers.web.body: the template fails: "),
        ('"tag": {{', '"${env:TOKEN}": {{', ":7: triggers.web.body: secrets don't belong into a body"),
        ('{tag: "{{ tag }}"}', '{tag: "${env:TOKEN}"}', ":6: triggers.web.query.tag: secrets don't belong here"),
        ('{X-Tag: "{{ tag }}"', '{X-Tag: "{{ tag }}\\r\\nX: c"', ":5: triggers.web.headers.X-Tag: it makes a line end"),
        ("X-Tag:", "Content-Length:", ":5: triggers.web.headers.Content-Length.[key]: this header is set by Tagtrail"),
        ("X-Tag:", "webhook-id:", ":5: triggers.web.headers.webhook-id.[key]: this header is set by Tagtrail"),
        ("X-Tag:", "authorization:", ":5: triggers.web.headers: a header stands here twice"),
        ("X-Tag:", '"X Tag":', ":5: triggers.web.headers.X Tag.[key]: not the name of a header"),
        ("    query", "    method: GET\n    query", ":8: triggers.web.body: a GET has no body"),
        ("repository: shop/web", "repository: shop", ":10: triggers.gh.repository: write OWNER/NAME"),
        ('token: "${env:TOKEN}"', "token: abc", ":10: triggers.gh.token: write secrets by reference"),
    ],
)
def test_a_mistake_names_the_line_and_what_would_be_right(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    text = refused(tmp_path, GOOD.replace(old, new))
    assert text.startswith(complaint), text


def test_a_secret_that_no_header_could_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t0k3n\r\nX: y")
    assert ":5: triggers.web.headers.Authorization: a header has visible ASCII only" in refused(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{kind: jenkins, url: 'http://j', job: a}", "give the job's token:, or username: and password:"),
        ('{kind: jenkins, url: "http://j", job: a, username: b}', "username: and password: go together"),
        ('{kind: dokploy, url: "http://d", token: "${env:TOKEN}"}', "give either application: or compose:"),
        ('{kind: nomad, url: "http://n", job: a, meta: {"a b": x}}', "a name here has letters"),
        ('{kind: github-dispatch, repository: a/b, event_type: "", token: "${env:TOKEN}"}', "at least 1 character"),
    ],
)
def test_what_a_preset_can_not_do_without(tmp_path: Path, section: str, complaint: str) -> None:
    assert complaint in refused(tmp_path, f"triggers:\n  web: {section}\n")


def test_every_kind_is_told() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert {"webhook", "argocd", "azure-appservice"} <= set(KINDS)

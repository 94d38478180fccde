"""The configuration: read once, with every complaint naming its line and what would be right."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from app.bootstrap import make_remotes
from app.domain.filters import Unheard
from app.domain.origins import GENERIC, Expressions
from app.envelopes import KINDS
from app.outbound import Door
from app.settings import ConfigurationError, Settings, load
from app.settings.origins_folder import write_private
from app.settings.proofs import ProofKind

Configure = Callable[[str], Settings]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Load a `tagtrail.yml` of the given text, in a folder of its own."""
    for name in [name for name in os.environ if name.startswith("TAGTRAIL_")] + ["DATABASE_URL", "REDIS_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
    monkeypatch.setenv("PROD_SECRET", "open sesame")
    monkeypatch.setenv("HOOK", "https://hooks.example/services/T0/very-secret")

    def write_and_load(text: str) -> Settings:
        (tmp_path / "tagtrail.yml").write_text(text)
        return load()

    return write_and_load


def refused(configure: Configure, text: str) -> str:
    """The complaint, with the file's own path cut off; it must not hold a secret."""
    with pytest.raises(ConfigurationError) as raised:
        configure(text)
    told = str(raised.value)
    for secret in ("open sesame", "very-secret", "hunter2"):
        assert secret not in told
    return told.rpartition("tagtrail.yml")[2]


ORIGIN = 'origins:\n  prod: {kind: distribution, auth: {bearer: "${env:PROD_SECRET}"}}\n'
TRIGGER = 'triggers:\n  web: {kind: webhook, url: "https://deploy.example/web"}\n'


def test_nothing_needs_to_be_configured(configure: Configure, tmp_path: Path) -> None:
    settings = configure("")
    assert (settings.host, settings.port, settings.redis_url) == ("127.0.0.1", 5000, None)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/tagtrail.db"
    assert not settings.open_to_others
    assert settings.rules == ()
    assert settings.endpoints == ()


def test_a_whole_file_is_read(configure: Configure) -> None:
    settings = configure(
        ORIGIN + TRIGGER + 'channels:\n  ops: {kind: slack, url: "${env:HOOK}"}\nmax_age: 2h\n'
        "rules:\n  - name: web\n    when: {origin: prod, repository: shop/web, change: [moved]}\n"
        "    deploy: [web]\n    alert: [ops]\n"
    )
    (rule,) = settings.rules
    assert rule.destinations == ("trigger:web", "channel:ops")
    assert (rule.when.origin, rule.when.repository, rule.when.kinds) == ("prod", "shop/web", frozenset({"moved"}))
    assert settings.file.max_age == 7200 * 10**9
    origin = settings.origin("prod")
    assert origin is not None
    assert origin[0].registries == ("prod",), "an origin writes under its own name unless it lists others"
    assert origin[1].auth is not None
    assert origin[1].auth.secrets == ("open sesame",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("orgins: {}\n", ":1: orgins: unknown key 'orgins'; did you mean 'origins'?"),
        ("\nrules:\n  - name: a\n    wehn: {}\n", ":4: rules.0.wehn: unknown key 'wehn'; did you mean 'when'?"),
        ("zzz: 1\n", ":1: zzz: unknown key 'zzz'; known are registry, origins, triggers"),
        ("max_age: soon\n", ":1: max_age: not a duration: 'soon'; write for example 500ms, 10s, 5m, 1h30m or 2d"),
        ("max_age: -5\n", ":1: max_age: not a duration: -5"),
        (
            'origins:\n  prod:\n    kind: distribution\n    auth: {bearer: "hunter2"}\n',
            ":4: origins.prod.auth.bearer: write secrets by reference: ${env:NAME} or ${file:PATH}",
        ),
        (
            'origins:\n  prod: {kind: distribution, auth: {bearer: "${env:NOWHERE}"}}\n',
            ":2: origins.prod.auth.bearer: the environment variable NOWHERE is not set",
        ),
        (
            'origins:\n  prod: {kind: distribution, auth: {bearer: "${file:nowhere}"}}\n',
            ":2: origins.prod.auth.bearer: the file nowhere can't be read: No such file or directory",
        ),
        (
            'origins:\n  prod: {kind: distribution, auth: {bearer: "${file:empty}"}}\n',
            ":2: origins.prod.auth.bearer: the file empty is empty",
        ),
        ("origins:\n  prod: {kind: distribution}\n", ":2: origins.prod: give either auth:"),
        *[
            (f"origins:\n  prod:\n    kind: auto\n    auth:\n      {auth}\n", complaint)
            for auth, complaint in {
                "{}": ":4: origins.prod.auth: give exactly one of bearer, basic, header, hmac, standard-webhooks, ",
                "github:": ":4: origins.prod.auth: give exactly one of",
                '{github: "${env:PROD_SECRET}", gitea: "${env:PROD_SECRET}"}': ":4: origins.prod.auth: give exactly",
                "standard_webhooks: x": ":5: origins.prod.auth.standard_webhooks: unknown key 'standard_webhooks'; "
                "did you mean 'standard-webhooks'?",
                "github: [hunter2]": ":5: origins.prod.auth.github: write secrets by reference",
                "github: []": ":5: origins.prod.auth.github: give one secret, or a list of two while it is changed",
                f"github: {['${env:PROD_SECRET}'] * 3}": ":5: origins.prod.auth.github: give one secret, or a list",
                "github: [{a: 1}]": ":5: origins.prod.auth.github: give one secret, or a list",
                'path: "${env:PROD_SECRET}"': ":5: origins.prod.auth.path: a secret in a path has letters, digits,",
                'standard-webhooks: "${env:PROD_SECRET}"': ":5: origins.prod.auth.standard-webhooks: "
                "not a signing secret: it must start with whsec_",
                'header: {name: "a b", value: "${env:PROD_SECRET}"}': ":5: origins.prod.auth.header.name: not the name",
                'basic: {username: "a:b", password: "${env:PROD_SECRET}"}': ":5: origins.prod.auth.basic.username: a",
                'hmac: {header: X, secret: "${env:PROD_SECRET}", algorithm: md5}': ":5: origins.prod.auth.hmac.algo",
                'hmac: {header: X, secret: "hunter2"}': ":5: origins.prod.auth.hmac.secret: write secrets by reference",
                'oidc: {issuer: a, audience: b, keys: "${env:PROD_SECRET}"}': ":5: origins.prod.auth.oidc.keys: not a "
                "set of keys",
                "oidc: {issuer: a, audience: b}": ":5: origins.prod.auth.oidc.keys: this key is missing",
            }.items()
        ],
        ("origins:\n  prod:\n    kind: auto\n    insecure: x\n    ignore: {tag: [a]}\n",
         ":5: origins.prod.ignore.tag: unknown key 'tag'; did you mean 'tags'?"),
        ("origins:\n  'a/b': {kind: distribution, insecure: x}\n", ":2: origins.a/b.[key]: a name has letters"),
        ("origins:\n  prod: {kind: hunter, insecure: x}\n", ":2: origins.prod.kind: Input should be '"),
        (
            "triggers: {web: {kind: webhook, url: 'http://a'}}\nrules:\n  - {name: a, deploy: [wep]}\n",
            ":3: rules.0.deploy: no trigger is called 'wep'; did you mean 'web'?",
        ),
        (
            "rules:\n  - {name: a, alert: [ops]}\n",
            ":2: rules.0.alert: no channel is called 'ops'; add it under channels:",
        ),
        ("rules: [{name: a}, {name: a}]\n", ":1: two rules have the same name"),
        (
            "registry:\n  storage: {inmemory: {}, filesystem: {}}\n",
            ":2: registry.storage: name one storage driver, not two",
        ),
        ("origins: [\n", ":2: not YAML: "),
        ("- a\n", ":1: write keys and their values under it"),
        ("triggers: [a]\n", ":1: triggers: write keys and their values under it"),
        ("rules: {a: b}\n", ":1: rules: write a list"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(
    configure: Configure, tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    assert refused(configure, text).startswith(complaint)


MAPPED = """origins:
  forge:
    kind: generic
    insecure: a lab
    mapping:
      action: what
      repository: image.path
      tag: "image.label"
      actions: {published: push, withdrawn: delete}
"""


def test_a_generic_origin_has_the_expressions_of_its_mapping(configure: Configure) -> None:
    found = configure(MAPPED).origin("forge")
    assert found is not None
    assert found[0].expressions == Expressions(
        action="what",
        repository="image.path",
        tag="image.label",
        actions=(("published", "push"), ("withdrawn", "delete")),
    )


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("action: what", "action: 'wh[at'", ":6: origins.forge.mapping.action: 'wh[at' is no JMESPath expression"),
        ("action: what", "action: ''", ":6: origins.forge.mapping.action: '' is no JMESPath expression"),
        ('"image.label"', "'lable(@)'", ":8: origins.forge.mapping.tag: 'lable(@)' calls lable(), which JMESPath"),
        ('"image.label"', "'{a: nope(@)}'", ":8: origins.forge.mapping.tag: '{a: nope(@)}' calls nope(), which"),
        ('"image.label"', "1.10", ":8: origins.forge.mapping.tag: Input should be a valid string"),
        ("tag:", "tags:", ":8: origins.forge.mapping.tags: unknown key 'tags'; did you mean 'tag'?"),
        ("withdrawn: delete", "withdrawn: drop", ":9: origins.forge.mapping.actions.withdrawn: Input should be 'push'"),
        ("      repository: image.path\n", "", ":5: origins.forge.mapping.repository: this key is missing"),
        (MAPPED.partition("    mapping:")[2], " null\n", ":2: origins.forge: mapping: belongs to kind: generic"),
        ("kind: generic", "kind: ecr", ":2: origins.forge: mapping: belongs to kind: generic"),
        ("kind: generic", "kind: auto", ":2: origins.forge: mapping: belongs to kind: generic"),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_line(
    configure: Configure, old: str, new: str, complaint: str
) -> None:
    assert old in MAPPED
    assert refused(configure, MAPPED.replace(old, new)).startswith(complaint)


def test_every_kind_that_there_is_may_be_configured_and_is_named_where_another_is(configure: Configure) -> None:
    told = refused(configure, "origins:\n  prod: {kind: hunter, insecure: x}\n")
    for kind in KINDS:
        assert configure(f"origins:\n  prod: {{kind: {kind}, insecure: x}}\n").origin("prod") is not None
        assert f"'{kind}'" in told
    assert f"'{GENERIC}'" in told


def test_every_mistake_is_told_at_once(configure: Configure) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configure("max_age: soon\nrules:\n  - {name: a, when: {tga: x}}\n")
    assert [line.partition("tagtrail.yml")[2][:3] for line in str(raised.value).splitlines()] == [":3:", ":1:"]


def test_a_file_that_is_not_there_is_told(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTRAIL_CONFIG", "/nowhere/tagtrail.yml")
    with pytest.raises(ConfigurationError, match=r"^/nowhere/tagtrail\.yml: can't be read: No such file or directory$"):
        load()


@pytest.mark.parametrize("port", ["", "-1", "65536", "http", "٥"])
def test_a_port_that_is_none_is_told(configure: Configure, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TAGTRAIL_PORT", port)
    with pytest.raises(ConfigurationError, match="not a port"):
        configure("")


TWO = ORIGIN + "  test: {kind: distribution, insecure: 'a lab without secrets'}\n"


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("deploy: [web]", "deploys for any of several origins (prod, test); name registry: or origin: under its when:"),
        ("deploy: [web], when: {origin: test}", "deploys on the word of 'test', which proves nothing"),
        ("deploy: [web], when: {registry: test}", "deploys on the word of 'test', which proves nothing"),
        ("deploy: [web], when: {origin: prod}", None),
        ("deploy: [web], when: {registry: prod}", None),
        ("deploy: [web], when: {origin: test}, insecure: 'only the lab', confirm: false", None),
        ("deploy: [web], when: {origin: test}, insecure: 'only the lab'", "and test may not be asked; add it"),
        ("deploy: [web], when: {origin: prod}, confirm: true", "and prod may not be asked; add it under registries:"),
        ("when: {}", None),
    ],
)
def test_a_deploy_needs_a_proven_cause(configure: Configure, rule: str, complaint: str | None) -> None:
    text = f"{TWO}{TRIGGER}rules:\n  - {{name: a, {rule}}}\n"
    if complaint is None:
        assert len(configure(text).rules) == 1
    else:
        assert complaint in refused(configure, text)


def test_one_insecure_origin_deploys_nothing_either(configure: Configure) -> None:
    text = f"origins:\n  lab: {{kind: distribution, insecure: x}}\n{TRIGGER}rules:\n  - {{name: a, deploy: [web]}}\n"
    assert "'lab', which proves nothing" in refused(configure, text)


def test_an_added_origin_is_known_at_once(configure: Configure) -> None:
    settings = configure(ORIGIN)
    assert settings.origin("hub") is None
    settings.origins.add("hub", "distribution", ("docker.io",))
    found = settings.origin("hub")
    assert found is not None
    assert found[0].registries == ("docker.io",)
    assert found[1].auth is not None
    assert found[1].auth.secrets == (settings.origins.secret_file("hub").read_text(),)


@pytest.mark.parametrize("proof", sorted({*get_args(ProofKind)} - {"oidc"}))
def test_an_origin_is_added_with_a_secret_of_the_right_form(configure: Configure, proof: ProofKind) -> None:
    settings = configure("")
    settings.origins.add("hub", "auto", (), proof)
    found = settings.origin("hub")
    assert found is not None
    assert found[1].auth is not None
    assert (found[1].proof, found[1].auth.secrets) == (proof, (settings.origins.secret_file("hub").read_text(),))


def test_two_secrets_are_in_use_while_one_is_changed(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a new one\n")
    settings = configure(
        'origins:\n  prod: {kind: auto, auth: {github: ["${file:new}", "${env:PROD_SECRET}"]}}\n'
    )
    found = settings.origin("prod")
    assert found is not None
    assert found[1].auth is not None
    assert found[1].auth.secrets == ("a new one", "open sesame")
    assert "open sesame" not in repr(found)


def test_what_an_origin_ignores_is_read(configure: Configure) -> None:
    found = configure(
        "origins:\n  lab:\n    kind: auto\n    insecure: x\n    ignore: {actions: [pull], mediatypes: [a/b], "
        "repositories: ['ci/**'], tags: ['pr-*'], head: true}\n"
    ).origin("lab")
    assert found is not None
    assert found[0].unheard == Unheard(frozenset({"pull"}), frozenset({"a/b"}), ("ci/**",), ("pr-*",), head=True)
    assert (found[1].proof, found[1].auth) == ("none", None)


def test_a_changed_origin_is_read_again_even_if_it_is_written_in_place(configure: Configure) -> None:
    settings = configure("")
    settings.origins.add("hub", "distribution", ())
    assert settings.origin("hub") is not None
    secret = settings.origins.secret_file("hub")
    secret.write_text("a new secret")
    found = settings.origin("hub")
    assert found is not None
    assert found[1].auth is not None
    assert found[1].auth.secrets == ("a new secret",)
    (settings.origins.folder / "hub.yml").unlink()
    assert settings.origin("hub") is None


def test_an_origin_is_added_once(configure: Configure) -> None:
    settings = configure(ORIGIN)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="the origin 'prod' exists already"):
            settings.origins.add("prod", "distribution", ())
    assert not settings.origins.folder.exists(), "nothing is left of the attempt"


def test_what_is_secret_only_its_owner_can_read(configure: Configure) -> None:
    settings = configure("")
    settings.origins.add("hub", "distribution", ())
    settings.access_token()
    made = [*settings.origins.folder.iterdir(), settings.data / "access.token"]
    assert {path.name for path in made} == {"hub.yml", "hub.secret", "access.token"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert stat.S_IMODE(settings.origins.folder.stat().st_mode) == 0o700


def test_the_access_token_stays_the_same(configure: Configure) -> None:
    settings = configure("")
    assert len(settings.access_token()) >= 32
    assert settings.access_token() == configure("").access_token()
    write_private(settings.data / "access.token", "of a process that came second", replace=False)
    assert settings.access_token() == configure("").access_token() != "of a process that came second"
    assert configure('web: {token: "${env:PROD_SECRET}"}\n').access_token() == "open sesame"


def test_no_secret_is_shown(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://tagtrail:hunter2@db/tagtrail")
    monkeypatch.setenv("TAGTRAIL_JOURNAL_URL", "postgresql://tagtrail:hunter2@db/journal")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@redis:6379/0")
    monkeypatch.setenv("KEY", "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==")
    settings = configure(
        ORIGIN + 'triggers:\n  web: {kind: webhook, url: "${env:HOOK}", secret: "${env:KEY}"}\n'
        "registry: {notifications: {endpoints: "
        '[{name: a, url: "${env:HOOK}", headers: {X: ["${env:PROD_SECRET}"]}}]}}\n'
        'web: {token: "${env:PROD_SECRET}"}\n'
    )
    settings.origins.add("hub", "distribution", ())
    settings.origin("hub")
    parts = (settings, settings.file, settings.origins.all(), settings.endpoints)
    shown = "".join(repr(part) + str(part) for part in parts)
    secrets = ["open sesame", "very-secret", "hunter2", "aHVudGVy", settings.origins.secret_file("hub").read_text()]
    assert [secret for secret in secrets if secret in shown] == []


def test_our_registry_tells_our_receiver_unless_configured(configure: Configure) -> None:
    settings = configure("")
    settings.origins.add("local", "distribution", ())
    (endpoint,) = settings.endpoints
    assert endpoint.url.get_secret_value() == "http://127.0.0.1:5000/hooks/local"
    (bearer,) = endpoint.headers["Authorization"]
    assert bearer.get_secret_value() == f"Bearer {settings.origins.secret_file('local').read_text()}"
    configured = configure(
        'registry: {notifications: {endpoints: [{name: a, url: "http://a.example/", timeout: 2s}, '
        '{name: b, url: "http://b.example/", disabled: true}]}}\n'
    )
    assert [(one.name, one.timeout) for one in configured.endpoints] == [("a", 2 * 10**9)]


@pytest.mark.parametrize(
    ("host", "open_to_others"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("127.8.9.1", False), ("0.0.0.0", True),
     ("::", True), ("10.0.0.1", True), ("registry.example", True), ("", True)],
)
def test_what_counts_as_loopback(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, host: str, open_to_others: bool
) -> None:
    monkeypatch.setenv("TAGTRAIL_HOST", host)
    assert configure("").open_to_others is open_to_others


ASKED = """\
registries:
  registry.example:5000:
    credentials: {username: alice, password: "${env:PROD_SECRET}"}
    token_realms: [https://auth.example/token]
  docker.io: {credentials: docker-config}
  plain.example: {url: "http://127.0.0.1:5001"}
"""


def test_registries_that_may_be_asked(configure: Configure) -> None:
    settings = configure(ASKED)
    with Door() as door:
        remotes = make_remotes(settings, door)
    assert set(remotes) == {"local", "registry.example:5000", "docker.io", "plain.example"}
    assert str(remotes["docker.io"]._base) == "https://registry-1.docker.io/"
    assert remotes["docker.io"]._access.trust.realms == {"https://auth.docker.io"}
    login = remotes["registry.example:5000"]._access.trust.credentials()
    assert (login.username, login.password) == ("alice", "open sesame") if login else False
    assert remotes["registry.example:5000"]._access.trust.realms == {"https://auth.example"}
    assert "open sesame" not in repr(settings) + repr(remotes["registry.example:5000"]._access)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("registries:\n  a: {credentials: docker}\n", "registries.a.credentials.word: Input should be 'docker-c"),
        ("registries:\n  a: {credentials: {username: b, password: hunter2}}\n", "write secrets by reference"),
        ("registries:\n  a: {credentails: none}\n", "unknown key 'credentails'; did you mean 'credentials'?"),
        ("registries:\n  a: {credentials: {username: b, password: '${env:NOT_HERE}'}}\n", "NOT_HERE is not set"),
        ("registries:\n  a: {tls: {ca: none.pem}}\n", ":2: registries.a.tls.ca: "),
        ("registries:\n  a: {url: ftp://a}\n", ":2: registries.a: not a usable URL: it must start with http"),
        ("registries:\n  a: {token_realms: [auth.example]}\n", "registries.a: not a usable URL"),
        ("origins:\n  tagtrail: {kind: distribution, insecure: lab}\n", "choose another name"),
        (
            ORIGIN + "rules:\n  - name: a\n    when: {origin: prod, provenance: [resolved]}\n",
            ":5: rules.0.when.origin: what is resolved or reconciled has the origin 'tagtrail', never 'prod'",
        ),
    ],
)
def test_what_can_not_be_asked_is_refused(configure: Configure, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised, Door() as door:
        make_remotes(configure(text), door)
    assert complaint in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_logins_are_sought_where_docker_keeps_them(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert configure("").docker_config == Path.home() / ".docker" / "config.json"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert configure("").docker_config == tmp_path / "config.json"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    assert configure("").docker_config == tmp_path / "auth.json"

"""What registries demand, and who gets to see a password or a token."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from listener import Listener, Reply
from peer import PASSWORD, docker_registry, htpasswd
from token_server import TokenServer, guarded

from app.outbound import Door, Url
from app.remote.access import Access, Trust
from app.remote.client import RemoteRegistry
from app.remote.credentials import CredentialsError, Login
from app.remote.errors import RemoteError
from app.remote.image import make_image
from app.remote.push import push_image

IMAGE = make_image("v1")
ALICE = Login("alice", PASSWORD)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry that is open to all, with one tag; `host:port`."""
    with docker_registry(tmp_path_factory.mktemp("peer"), "") as registry, Door() as door:
        push_image(RemoteRegistry(door, registry), "shop/web", "stable", IMAGE)
        yield registry


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@contextmanager
def front(peer: str, tokens: TokenServer, realm: str = "{url}/token") -> Iterator[Listener]:
    """`peer` behind a front that wants the tokens of `tokens`."""
    with Listener() as listener:
        listener.answer = guarded(tokens, realm.format(url=listener.url), peer)
        yield listener


def trust(login: Login | None = None, *realms: str) -> Trust:
    return Trust(lambda: login, frozenset(realms))


def paths(listener: Listener) -> list[str]:
    return [f"{heard.method} {heard.path.partition('?')[0]}" for heard in listener.heard]


def test_a_password_opens_a_real_registry(tmp_path: Path, door: Door) -> None:
    with docker_registry(tmp_path, htpasswd(tmp_path)) as registry:
        remote = RemoteRegistry(door, registry, trust(ALICE))
        assert push_image(remote, "shop/web", "stable", IMAGE) == IMAGE.digest
        assert list(remote.list_repositories()) == ["shop/web"]
        assert list(remote.list_tags("shop/web")) == ["stable"]
        for login in (None, Login("alice", "wrong"), Login("", identity_token="identity")):
            with pytest.raises(RemoteError, match=r"head manifest: 401$"):
                RemoteRegistry(door, registry, trust(login)).head_manifest("shop/web", "stable")


def test_a_password_is_shown_unasked_after_the_first_challenge(door: Door) -> None:
    def answer(heard: Any) -> Reply:
        if "authorization" in heard.headers:
            return Reply(200, {}, b'{"tags": []}')
        return Reply(401, {"WWW-Authenticate": 'Basic realm="r"'})

    with Listener(answer=answer) as listener:
        remote = RemoteRegistry(door, listener.url, trust(ALICE))
        for repository in ("a", "b"):
            list(remote.list_tags(repository))
        assert paths(listener) == ["GET /v2/a/tags/list"] * 2 + ["GET /v2/b/tags/list"]


@pytest.mark.parametrize("login", [None, ALICE, Login("", identity_token="identity")])
def test_a_token_is_got_once_for_a_repository(peer: str, door: Door, login: Login | None) -> None:
    passwords = {"alice": PASSWORD} if login is ALICE else {}
    tokens = TokenServer(passwords, frozenset({"identity"}))
    with front(peer, tokens) as listener:
        remote = RemoteRegistry(door, listener.url, trust(login))
        for _ in range(2):
            found = remote.head_manifest("shop/web", "stable")
            assert found is not None
            assert found.digest == IMAGE.digest
        assert len(tokens.given) == 1
        assert list(remote.list_repositories()) == ["shop/web"]
        assert len(tokens.given) == 2
        (asked,) = [one for one in listener.heard if one.path.startswith("/token")][:1]
    if login is not None and login.identity_token:
        assert (asked.method, "authorization" in asked.headers) == ("POST", False)
        assert b"scope=repository%3Ashop%2Fweb%3Apull" in asked.body
    else:
        assert asked.path == "/token?service=registry.example&scope=repository%3Ashop%2Fweb%3Apull"
        assert asked.headers.get("authorization") == (login.basic if login else None)


@pytest.mark.parametrize(("expires_in", "given"), [(300, 1), (5, 3), (None, 1), ("soon", 1), (-7, 3), (True, 1)])
def test_a_token_is_used_until_shortly_before_it_ends(peer: str, door: Door, expires_in: object, given: int) -> None:
    tokens = TokenServer(expires_in=expires_in)
    with front(peer, tokens) as listener:
        remote = RemoteRegistry(door, listener.url)
        for _ in range(3):
            list(remote.list_tags("shop/web"))
    assert len(tokens.given) == given


def test_an_old_token_is_followed_by_a_new_one(peer: str, door: Door) -> None:
    now = [0.0]
    tokens = TokenServer(expires_in=60)
    with front(peer, tokens) as listener:
        remote = RemoteRegistry(door, listener.url)
        remote._access = Access(door, Url.parse(listener.url), Trust(), lambda: now[0])
        for now[0], given in ((0.0, 1), (49.0, 1), (51.0, 2)):
            list(remote.list_tags("shop/web"))
            assert len(tokens.given) == given


def test_a_token_that_was_revoked_is_replaced_once(peer: str, door: Door) -> None:
    tokens = TokenServer()
    with front(peer, tokens) as listener:
        remote = RemoteRegistry(door, listener.url)
        list(remote.list_tags("shop/web"))
        tokens.given[:] = ["revoked"]
        list(remote.list_tags("shop/web"))
        assert len(tokens.given) == 2


def test_what_opens_nothing_is_not_tried_for_ever(door: Door) -> None:
    with Listener() as listener:
        challenge = Reply(401, {"WWW-Authenticate": f'Bearer realm="{listener.url}/token"'})
        listener.reply(challenge, Reply(200, {}, b'{"token": "t"}'), challenge)
        with pytest.raises(RemoteError, match=r"ping: 401$"):
            RemoteRegistry(door, listener.url).ping()
        assert paths(listener) == ["GET /v2/", "GET /token", "GET /v2/"]


def test_a_wrong_password_is_said_so_without_it(peer: str, door: Door) -> None:
    with front(peer, TokenServer({"alice": "another"})) as listener:
        with pytest.raises(RemoteError, match=r"authenticate: 401, http://127.0.0.1:\d+/… gave no token$") as raised:
            RemoteRegistry(door, listener.url, trust(ALICE)).head_manifest("shop/web", "stable")
        assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"t"', b"{}", b'{"token": 5}', b'{"token": "a b"}', b'{"token": "a\\r\\nX: y"}', b"[" * 90_000],
)
def test_what_is_no_token_is_not_shown_to_the_registry(door: Door, body: bytes) -> None:
    with Listener() as listener:
        listener.reply(Reply(401, {"WWW-Authenticate": f'Bearer realm="{listener.url}/token"'}), Reply(200, {}, body))
        with pytest.raises(RemoteError, match="authenticate"):
            RemoteRegistry(door, listener.url).ping()
        assert len(listener.heard) == 2


def test_another_host_is_never_asked_for_a_token_unless_it_is_listed(peer: str, door: Door) -> None:
    """`localhost` is another host than 127.0.0.1, though the same machine answers."""
    tokens = TokenServer({"alice": PASSWORD})
    with Listener(answer=tokens) as elsewhere:
        realm = elsewhere.url.replace("127.0.0.1", "localhost")
        with front(peer, tokens, f"{realm}/token") as listener:
            with pytest.raises(RemoteError, match=rf"its tokens are given at {realm}, which its token_realms:"):
                RemoteRegistry(door, listener.url, trust(ALICE)).head_manifest("shop/web", "stable")
            assert elsewhere.heard == []
            listed = RemoteRegistry(door, listener.url, trust(ALICE, realm))
            assert listed.head_manifest("shop/web", "stable") is not None
        assert [heard.headers["authorization"] for heard in elsewhere.heard] == [ALICE.basic]


class Pretending(Door):
    """A door behind which every host is one that challenges. What was sent is kept."""

    def __init__(self, challenge: str) -> None:
        super().__init__()
        self.challenge = challenge
        self.sent: list[Any] = []

    def send(self, call: Any, *_: Any) -> Any:
        self.sent.append(call)
        with Listener([Reply(401, {"WWW-Authenticate": self.challenge})]) as listener:
            return super().send(type(call)("GET", Url.parse(listener.url)))


@pytest.mark.parametrize(
    "challenge", ['Basic realm="r"', 'Bearer realm="http://registry.example/token"', 'Bearer realm="/token"', "Bearer"]
)
def test_nobody_on_the_way_gets_to_see_a_password(challenge: str) -> None:
    with Pretending(challenge) as door:
        with pytest.raises(RemoteError):
            RemoteRegistry(door, "http://registry.example", trust(ALICE)).ping()
        assert [str(call.url) for call in door.sent] == ["http://registry.example/v2/"]
        assert "Authorization" not in door.sent[0].headers


def test_a_realm_may_not_lead_from_https_to_http() -> None:
    with Pretending('Bearer realm="http://registry.example/token"') as door:
        with pytest.raises(RemoteError, match="credentials go only over https"):
            RemoteRegistry(door, "registry.example", trust(ALICE)).ping()
        assert len(door.sent) == 1


def test_credentials_that_can_not_be_had_are_an_error(door: Door) -> None:
    def failing() -> Login:
        raise CredentialsError("the helper is gone")

    challenge = Reply(401, {"WWW-Authenticate": 'Basic realm="r"'})
    with Listener([challenge]) as listener, pytest.raises(CredentialsError):
        RemoteRegistry(door, listener.url, Trust(failing)).ping()


def test_nothing_of_it_shows(peer: str, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = TokenServer({"alice": PASSWORD})
    with front(peer, tokens) as listener:
        remote = RemoteRegistry(door, listener.url, trust(ALICE))
        remote.head_manifest("shop/web", "stable")
        shown = repr(remote._access) + repr(list(remote._access._tokens.values())) + caplog.text
    assert not any(secret in shown for secret in (PASSWORD, *tokens.given, ALICE.basic))

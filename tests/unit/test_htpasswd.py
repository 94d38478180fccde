"""Users from a file of `htpasswd -B`."""

import os
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.access import htpasswd
from app.registry.access.htpasswd import Htpasswd, Users


def line(user: str, password: str) -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


CONTENT = (
    f"# people\n\n{line('ann', 'sesame')}{line('bob', 'x' * 72)}"
    "md5:$apr1$abcdefgh$abcdefghijklmnopqrstu/\nsha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nplain:sesame\nno colon here\n"
    "cut:$2b$04$abc\n:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"
)


@pytest.mark.parametrize(
    ("user", "password", "known"),
    [
        ("ann", "sesame", True),
        ("ann", "Sesame", False),
        ("ann", "", False),
        ("bob", "x" * 72 + "bcrypt looks no further", True),
        ("eve", "sesame", False),
        *[(user, "sesame", False) for user in ("md5", "sha", "plain", "cut", "", "# people", "no colon here")],
        ("", "open sesame", False),
        ("ann", "\ud800", False),
        ("ann", "sesame\0", False),
    ],
)
def test_who_is_known(user: str, password: str, known: bool) -> None:
    assert Users.parse(CONTENT.encode()).knows(user, password) is known


def test_apaches_own_spelling_of_the_hash() -> None:
    assert Users.parse(line("ann", "sesame").replace("$2b$", "$2y$").encode()).knows("ann", "sesame")


@given(st.binary(max_size=200))
def test_any_file_lets_nobody_in_by_accident(content: bytes) -> None:
    assert not Users.parse(content).hashes or b"$2" in content


def test_somebody_unknown_is_compared_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(bcrypt, "checkpw", lambda _, hashed: compared.append(hashed) or True)
    assert not Users.parse(line("ann", "sesame").encode()).knows("eve", "sesame")
    assert not Users({}).knows("eve", "sesame")
    assert [hashed[:7] for hashed in compared] == [b"$2b$04$", b"$2b$10$"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text(line("ann", "sesame"))
    return path


def test_a_changed_file_counts_at_once(file: Path) -> None:
    users = Htpasswd(file)
    assert users.knows("ann", "sesame")
    assert not users.knows("bob", "abra")
    file.write_text(line("bob", "abra"))
    assert not users.knows("ann", "sesame")
    assert users.knows("bob", "abra")
    file.unlink()
    assert not users.knows("bob", "abra")
    file.write_text(line("bob", "abra"))
    assert users.knows("bob", "abra")


def test_another_file_in_its_place_counts_whatever_its_time(file: Path) -> None:
    users, was = Htpasswd(file), file.stat()
    assert users.knows("ann", "sesame")
    other = file.with_name("other")
    other.write_text(line("ann", "secret"))
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.replace(file)
    assert not users.knows("ann", "sesame")


def test_what_bcrypt_said_holds_for_a_while(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users, now, compared = Htpasswd(file), [100.0], []
    real = bcrypt.checkpw
    monkeypatch.setattr(htpasswd.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: compared.append(given) or real(*given))
    for _ in range(3):
        assert users.knows("ann", "sesame")
        assert not users.knows("ann", "wrong")
    assert len(compared) == 2
    now[0] += Htpasswd.KEPT_S
    assert users.knows("ann", "sesame")
    assert len(compared) == 3


def test_no_password_is_kept_and_not_for_ever_many(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Htpasswd, "MOST_KEPT", 2)
    users = Htpasswd(file)
    for password in ("sesame", "b", "c"):
        users.knows("ann", password)
    kept = vars(users)["_said"]
    assert len(kept) == 2
    assert "sesame" not in repr(vars(users))
    assert all(len(code) == 32 for code in kept)


def test_a_file_that_is_away_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    users = Htpasswd(tmp_path / "nowhere")
    assert not users.knows("ann", "sesame")
    assert not users.knows("ann", "sesame")
    assert [record.message for record in caplog.records if "lets nobody in" in record.message] != []
    assert len(caplog.records) == 1

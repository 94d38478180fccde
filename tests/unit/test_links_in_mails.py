"""Links that approve, in mails: quoted-printable cuts long lines, and so what stands in the secret's place."""

import quopri
import re

import pytest

from app.domain.approvals import sealed, secret_of, unsealed

KEY, SEAL = b"k" * 32, "Seal-of_43-letters-" + "x" * 24


@pytest.mark.parametrize("before", range(0, 76))
def test_a_link_that_is_cut_anywhere_is_live(before: int) -> None:
    text = b"=" * 3 + b"a" * before + f"http://x/approve/{SEAL}; b\n".encode()
    cut = quopri.encodestring(text)
    sent = unsealed(KEY, cut)
    assert [len(line) for line in sent.splitlines()] == [len(line) for line in cut.splitlines()]
    assert re.findall(rb"/approve/([\w-]+)", quopri.decodestring(sent)) == [secret_of(KEY, SEAL).encode()]
    assert sealed(KEY, cut, b"echo " + secret_of(KEY, SEAL).encode()) == f"echo {SEAL}".encode()

"""Whose word on a client is taken (RFC 7239, and the customary X-Forwarded-*)."""

import ipaddress
from collections.abc import Mapping

import pytest

from app.web.registry.forwarded import Seen, see

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
PEER = Seen("10.0.0.1:4711", "http", "registry:5000")


def test_nobody_is_believed_unless_configured() -> None:
    lies = {"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", "Forwarded": "for=2.2.2.2;host=evil.example"}
    assert see(PEER, lies, []) == PEER
    outside = Seen("203.0.113.9:1", "http", "registry:5000")
    assert see(outside, lies, PROXIES) == outside


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, PEER),
        ({"X-Forwarded-For": "203.0.113.9"}, Seen("203.0.113.9", "http", "registry:5000")),
        ({"X-Forwarded-For": "1.1.1.1, 203.0.113.9"}, Seen("203.0.113.9", "http", "registry:5000")),
        ({"X-Forwarded-For": "1.1.1.1, 203.0.113.9, 10.9.9.9"}, Seen("203.0.113.9", "http", "registry:5000")),
        ({"X-Forwarded-For": "10.2.2.2, 10.9.9.9"}, Seen("10.2.2.2", "http", "registry:5000")),
        ({"X-Forwarded-For": "unknown"}, PEER),
        ({"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "r.example"}, Seen(PEER.address, "https", "r.example")),
        ({"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "a b"}, PEER),
        (
            {"Forwarded": 'for="[2001:db8::7]:99";proto=https;host="r.example:8443"'},
            Seen("2001:db8::7", "https", "r.example:8443"),
        ),
        ({"Forwarded": "for=1.1.1.1, for=203.0.113.9;proto=https"}, Seen("203.0.113.9", "https", "registry:5000")),
        ({"Forwarded": "for=_hidden"}, PEER),
        ({"Forwarded": ";;=,"}, PEER),
        ({"Forwarded": "for=203.0.113.9", "X-Forwarded-For": "1.1.1.1"}, Seen("203.0.113.9", "http", "registry:5000")),
        ({"X-Forwarded-For": "fe80::1%<b>"}, PEER),
        ({"X-Forwarded-For": "203.0.113.9:1234"}, Seen("203.0.113.9", "http", "registry:5000")),
    ],
)
def test_trusted_proxies_are_believed(headers: Mapping[str, str], seen: Seen) -> None:
    assert see(PEER, headers, PROXIES) == seen


def test_addresses_of_both_families() -> None:
    assert see(Seen("[fd00::5]:4711", "http", "h"), {"X-Forwarded-For": "1.1.1.1"}, PROXIES).address == "1.1.1.1"
    mapped = Seen("::ffff:10.0.0.1", "http", "h")
    assert see(mapped, {"X-Forwarded-For": "1.1.1.1"}, PROXIES).address == "1.1.1.1"

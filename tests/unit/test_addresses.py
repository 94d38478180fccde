"""The table of refused addresses, and that no disguise gets a refused IPv4 address through."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outbound.addresses import refusal

REFUSED = {
    "169.254.169.254": "metadata",
    "100.100.100.200": "metadata",
    "168.63.129.16": "metadata",
    "192.0.0.192": "metadata",
    "fd00:ec2::254": "metadata",
    "fd20:ce::254": "metadata",
    "fd00:c1::a9fe:a9fe": "metadata",
    "fd00:42::42": "metadata",
    "169.254.0.1": "link-local",
    "169.254.255.255": "link-local",
    "fe80::1": "link-local",
    "fe80::1%2": "link-local",
    "febf:ffff::1": "link-local",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "::": "unspecified",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "broadcast",
    "::ffff:169.254.169.254": "metadata",
    "::ffff:0.0.0.0": "unspecified",
    "::169.254.169.254": "metadata",
    "::ffff:0:169.254.169.254": "metadata",
    "64:ff9b::a9fe:a9fe": "metadata",
    "64:ff9b:1::a9fe:a9fe": "metadata",
    "2002:a9fe:a9fe::1": "metadata",
    "2001:0:a9fe:a9fe::": "metadata",
    "2001:0:808:808:0:0:5601:5601": "metadata",
    "2001:db8::5efe:169.254.169.254": "metadata",
    "2001:db8::200:5efe:169.254.169.254": "metadata",
}
ALLOWED = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "8.8.8.8",
    "::1",
    "fd00::1",
    "fc00::1",
    "fec0::1",
    "2606:4700::1111",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::808:808",
    "64:ff9b:1::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize(("address", "reason"), REFUSED.items())
def test_refused(address: str, reason: str) -> None:
    assert reason in (refusal(ip_address(address)) or "")


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address: str) -> None:
    assert refusal(ip_address(address)) is None


LINK_LOCAL = st.integers(0, 0xFFFF).map(lambda low: 0xA9FE0000 | low)
DISGUISES = {
    "mapped": lambda ip: 0xFFFF << 32 | ip,
    "compatible": lambda ip: ip,
    "translated": lambda ip: 0xFFFF << 48 | ip,
    "nat64": lambda ip: 0x64FF9B << 96 | ip,
    "nat64, a site's own": lambda ip: 0x64FF9B0001 << 80 | ip,
    "6to4": lambda ip: 0x2002 << 112 | ip << 80 | 1,
    "teredo client": lambda ip: 0x20010000 << 96 | 0x08080808 << 64 | (ip ^ 0xFFFFFFFF),
    "teredo server": lambda ip: 0x20010000 << 96 | ip << 64,
    "isatap": lambda ip: 0x20010DB8 << 96 | 0x5EFE << 32 | ip,
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(number=LINK_LOCAL)
def test_no_disguise_helps(disguise: str, number: int) -> None:
    assert refusal(IPv6Address(DISGUISES[disguise](number))) is not None


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_itself(ip: IPv4Address) -> None:
    mapped = refusal(IPv6Address(f"::ffff:{ip}"))
    assert (mapped is None) == (refusal(ip) is None)


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="127.0.0.0/8"))
def test_private_and_loopback_are_allowed(ip: IPv4Address) -> None:
    assert refusal(ip) is None

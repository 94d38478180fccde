"""Which addresses the door refuses to connect to. Pure.

Destinations are named by configuration, so loopback and private networks are allowed: that is where
registries and deploy hooks live. Refused is what no configuration means and what a hijacked name would be
pointed at: the metadata services of clouds, link-local neighbours, and addresses of no single host.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_METADATA = "a cloud's metadata service"
_LINK_LOCAL = "link-local"
_REFUSED_4 = {
    IPv4Network("169.254.169.254/32"): _METADATA,  # AWS, Azure, Google, OpenStack, Oracle, DigitalOcean
    IPv4Network("100.100.100.200/32"): _METADATA,  # Alibaba
    IPv4Network("168.63.129.16/32"): _METADATA,  # Azure's wire server
    IPv4Network("192.0.0.192/32"): _METADATA,  # Oracle Cloud Classic
    IPv4Network("169.254.0.0/16"): _LINK_LOCAL,
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("255.255.255.255/32"): "broadcast",
}
_REFUSED_6 = {
    IPv6Network("fd00:ec2::/32"): _METADATA,  # AWS
    IPv6Network("fd20:ce::254/128"): _METADATA,  # Google
    IPv6Network("fd00:c1::a9fe:a9fe/128"): _METADATA,  # Oracle
    IPv6Network("fd00:42::42/128"): _METADATA,  # Scaleway
    IPv6Network("fe80::/10"): _LINK_LOCAL,
    IPv6Network("::/128"): "unspecified",
    IPv6Network("ff00::/8"): "multicast",
}
_LOW_32_BITS = (
    IPv6Network("::/96"),  # IPv4-compatible, RFC 4291 §2.5.5.1
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped, RFC 4291 §2.5.5.2
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a site's own, RFC 8215, as the /96 it is deployed in
)
_LOOPBACK_6 = IPv6Address("::1")
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 §6.1


def refusal(ip: Address) -> str | None:
    """Why `ip` is refused, or None. An IPv6 address is also judged by every IPv4 address it may carry."""
    if isinstance(ip, IPv4Address):
        return next((reason for network, reason in _REFUSED_4.items() if ip in network), None)
    own = next((reason for network, reason in _REFUSED_6.items() if ip in network), None)
    if own is not None:
        return own
    reasons = ((inner, refusal(inner)) for inner in _embedded(ip))
    return next((f"{inner} in disguise: {reason}" for inner, reason in reasons if reason), None)


def _embedded(ip: IPv6Address) -> Iterator[IPv4Address]:
    """Every IPv4 address to which a gateway or the kernel may send what is meant for `ip`."""
    number = int(ip)
    low = IPv4Address(number & 0xFFFFFFFF)
    if ip != _LOOPBACK_6 and any(ip in network for network in _LOW_32_BITS):
        yield low
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield low

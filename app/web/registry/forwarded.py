"""Who a client is and how it reached us, behind proxies. Their word is taken where configuration trusts them. Pure."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"\\]*)"|([^\s";,]*))\s*')
_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]]{1,255}")
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A client: its address (the peer's own has its port), and scheme and host of the URL as it typed it."""

    address: str
    scheme: str
    host: str


def see(peer: Seen, headers: Mapping[str, str], trusted: Sequence[Network]) -> Seen:
    """`peer` is what the connection and the Host header say; what proxies add counts if `peer` is one that is trusted.

    `Forwarded` (RFC 7239) before `X-Forwarded-For`, `-Proto` and `-Host`. Of a chain, the client is the last address
    that no trusted proxy has: what stands before it is the client's own word.
    """
    if not _is_trusted(_bare(peer.address), trusted):
        return peer
    hops = list(_standard(headers["Forwarded"])) if "Forwarded" in headers else list(_customary(headers))
    known = peer
    for hop in reversed(hops):
        known = Seen(hop.address or known.address, hop.scheme or known.scheme, hop.host or known.host)
        if not hop.address or not _is_trusted(hop.address, trusted):
            break
    return known


def _standard(text: str) -> Iterator[Seen]:
    for hop in text.split(","):
        said = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(hop)}
        yield _hop(said.get("for", ""), said.get("proto", ""), said.get("host", ""))


def _customary(headers: Mapping[str, str]) -> Iterator[Seen]:
    """Proxies append addresses; scheme and host are of the first of them."""
    scheme, host = (headers.get(f"X-Forwarded-{name}", "").split(",")[0].strip() for name in ("Proto", "Host"))
    addresses = [part for part in headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    for address in addresses or [""]:
        yield _hop(address, scheme, host)


def _hop(address: str, scheme: str, host: str) -> Seen:
    """What can't be true is as if it had not been said."""
    known, low = _bare(address.strip()), scheme.lower()
    return Seen(known, low if low in _SCHEMES else "", host if _HOST.fullmatch(host) else "")


def _bare(text: str) -> str:
    """The IP address in `1.2.3.4`, `1.2.3.4:567`, `[::1]:567` or `::1`; empty where there is none."""
    if "%" in text:  # a zone, which is of the machine that says it, and may be any text
        return ""
    for candidate in (text, text.partition("]")[0].lstrip("["), text.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    if not address:
        return False
    parsed = ipaddress.ip_address(address)
    real = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(real in network for network in trusted)

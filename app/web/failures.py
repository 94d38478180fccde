"""How often an address may fail to prove who it is, be it a sender, a program or somebody who signs in.

Only failures are ever counted and answered so: who proves itself is heard, from whatever address.
"""

import ipaddress
import threading
from collections import OrderedDict

from flask import Response

from app.domain.times import SECOND_NS
from app.web.problems import problem

TOO_MANY = "too many failed proofs from this address"


def told_to_wait(seconds: int) -> Response:
    return problem(429, TOO_MANY, headers={"Retry-After": str(seconds)})


class Failures:
    """Failed checks by client address: so many are answered as such within a minute that begins with the first."""

    MOST = 20
    WITHIN_NS = 60 * SECOND_NS
    ADDRESSES = 4096
    """More are not remembered: the one that began longest ago is forgotten."""

    def __init__(self) -> None:
        self._began: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, address: str, now_ns: int) -> int:
        """Count a failure of `address`; how many seconds it has to wait, 0 while it may go on."""
        key = network(address)
        with self._lock:
            began_ns, failed = self._began.get(key, (now_ns, 0))
            if abs(now_ns - began_ns) >= self.WITHIN_NS:  # a clock may be set back
                self._began.pop(key)
                began_ns, failed = now_ns, 0
            self._began[key] = (began_ns, failed + 1)
            if len(self._began) > self.ADDRESSES:
                self._began.popitem(last=False)
        return -((now_ns - began_ns - self.WITHIN_NS) // SECOND_NS) if failed >= self.MOST else 0


def network(address: str) -> str:
    """Whose `address` it is: a host has a whole /64 of IPv6."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((parsed, 64), strict=False))

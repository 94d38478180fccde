"""How a call can fail on its way, as one error whose text may be shown to anybody."""

from enum import StrEnum

from app.domain.errors import TagtrailError


class Fault(StrEnum):
    """Where a call failed. Up to and with TLS, the destination has seen nothing of the request."""

    REFUSED = "refused address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken connection"
    PROTOCOL = "protocol"


class OutboundError(TagtrailError):
    """A call that brought no whole answer.

    `reason` and the text name hosts and addresses, never a path, a query, a header or a byte of the peer's.
    `status` is the answer's, where its head had arrived before the failure.
    """

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(f"{fault}: {reason}")
        self.fault = fault
        self.reason = reason
        self.status: int | None = None

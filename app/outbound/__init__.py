"""The one door out: HTTP to destinations that the configuration names, with every address checked at connect.

No redirect is followed, no proxy of the environment used, and each call ends by its deadline.
"""

from app.outbound.calls import Answer, Call, Limits
from app.outbound.door import Door, Incoming
from app.outbound.errors import Fault, OutboundError
from app.outbound.logins import split_login
from app.outbound.mail import Mail, MailServer, Receipt, post
from app.outbound.proxies import Proxy
from app.outbound.tls import Tls
from app.outbound.urls import InvalidUrlError, Url, shown

__all__ = [
    "Answer",
    "Call",
    "Door",
    "Fault",
    "Incoming",
    "InvalidUrlError",
    "Limits",
    "Mail",
    "MailServer",
    "OutboundError",
    "Proxy",
    "Receipt",
    "Tls",
    "Url",
    "post",
    "shown",
    "split_login",
]

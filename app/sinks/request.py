"""A trigger that is one HTTP request, made of the change by templates, or else Tagtrail's own message.

Where it goes is configuration's alone: no field of an event gets into host or path. What is made of the change (body,
headers, query values) is stored with the delivery. What is secret is not: the URL, the headers of Proof, signatures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from app.domain import seals
from app.domain.fields import fields
from app.domain.seals import Form
from app.domain.signatures import SigningSecret, sign_all
from app.domain.told import Told
from app.outbound import Call, Url
from app.settings.templates import Template
from app.sinks.attempt import OneCall, attempt
from app.sinks.sink import Message, Outcome
from app.sinks.webhook import standard, templated

_MADE = "(made at each attempt)"
_ORIGINS = {"webhook-id": "(the delivery's id)"}
_TRACE = {"traceparent": "(of the push and the delivery)"}
_VISIBLE = "".join(map(chr, range(0x20, 0x7F)))
Tree = Mapping[str, Any] | Sequence[Any] | Template | str | int | float | bool | None
"""JSON of which any text may be a template."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the request looks. `body`: None for Tagtrail's own, "" for none, a tree for JSON.

    `delivered`: the statuses that mean so (None: every 2xx); `permanent`: those after which another try can't help.
    `id_parameter`: the query parameter in which the API takes an id that makes a repeat harmless.
    """

    method: str = "POST"
    content_type: str = "application/json"
    body: Tree = None
    headers: Mapping[str, Template] = field(default_factory=dict)
    query: Mapping[str, Template] = field(default_factory=dict)
    delivered: frozenset[int] | None = None
    permanent: frozenset[int] = frozenset({410})
    id_parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a request is ours: secret `headers`, Standard Webhooks' signatures, one in its own header."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    signing: tuple[SigningSecret, ...] = ()
    seal: tuple[Form, bytes] | None = field(default=None, repr=False)

    def of(self, message_id: str, now_s: int, body: bytes) -> dict[str, str]:
        """The headers for one attempt."""
        headers = {"webhook-id": message_id, "webhook-timestamp": str(now_s), **self.headers}
        if self.signing:
            headers["webhook-signature"] = sign_all(self.signing, message_id, now_s, body)
        if self.seal is not None:
            form, secret = self.seal
            headers[form.header] = seals.sign(form, secret, body)
        return headers


@dataclass(frozen=True, slots=True)
class Request(OneCall):
    shape: Shape = field(default_factory=Shape)
    proof: Proof = field(default_factory=Proof)

    def render(self, told: Sequence[Told]) -> Message:
        """Raise RenderError where a template fails on these changes."""
        values = fields(told)
        headers = [(name, _header_value(one.render(values))) for name, one in self.shape.headers.items()]
        query = [(name, one.render(values)) for name, one in self.shape.query.items()]
        return replace(
            self._body(told, values),
            headers=tuple(headers),
            query=urlencode([(name, value) for name, value in query if value], errors="backslashreplace"),
        )

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        call = self._call(message_id, message, now_s)
        hidden = [part for value in self.proof.headers.values() for part in (value, value.rpartition(" ")[2])]
        outcome = attempt(self.door, call, self.shape.permanent, now_s, hidden)
        wanted = self.shape.delivered
        if not outcome.delivered or wanted is None or outcome.status in wanted:
            return outcome
        expected = " or ".join(str(status) for status in sorted(wanted))
        return replace(outcome, delivered=False, detail=f"{outcome.detail}, where {expected} means success")

    def shown(self, message: Message) -> str:
        """What an attempt would send, without its secrets."""
        headers = {"Content-Type": message.content_type} if message.content_type else {}
        own = {name: _ORIGINS.get(name, _MADE) for name in self.proof.of("msg_sample", 0, message.body)} | _TRACE
        secret = dict.fromkeys(self.proof.headers, "(secret)")
        lines = [f"{self.shape.method} {self._shown_url(message.query)}"]
        lines += [f"{name}: {value}" for name, value in (headers | dict(message.headers) | own | secret).items()]
        return "\n".join([*lines, "", message.body.decode("utf-8", "replace")])

    def _shown_url(self, query: str) -> str:
        url = self.url.origin if self.url.target == "/" else f"{self.url.origin}/{self.url.public}"
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _call(self, message_id: str, message: Message, now_s: int) -> Call:
        own = {"Content-Type": message.content_type} if message.content_type else {}
        headers = own | dict(message.headers) | self.proof.of(message_id, now_s, message.body)
        stamped = {self.shape.id_parameter: message_id} if self.shape.id_parameter else {}
        query = "&".join(part for part in (message.query, urlencode(stamped)) if part)
        body = None if self.shape.method == "GET" else message.body
        return Call(self.shape.method, _with_query(self.url, query), headers, body)

    def _body(self, told: Sequence[Told], values: Mapping[str, Any]) -> Message:
        shape = self.shape
        if shape.method == "GET" or shape.body == "":
            return Message("", b"")
        if shape.body is None:
            return standard(told)
        if isinstance(shape.body, Template):
            return templated(shape.content_type, shape.body, values)
        return Message(shape.content_type, json.dumps(filled(shape.body, values), separators=(",", ":")).encode())


def filled(tree: Tree, values: Mapping[str, Any]) -> Any:
    """`tree` with its templates rendered. Raise RenderError."""
    match tree:
        case Template():
            return tree.render(values)
        case Mapping():
            return {name: filled(one, values) for name, one in tree.items()}
        case str() | int() | float() | None:
            return tree
        case _:
            return [filled(one, values) for one in tree]


def _header_value(text: str) -> str:
    """`text` as a header may hold it: what is no visible ASCII is percent-encoded, line ends too."""
    return quote(text.strip(), safe=_VISIBLE, errors="backslashreplace")


def _with_query(url: Url, query: str) -> Url:
    if not query:
        return url
    return replace(url, target=f"{url.target}{'&' if '?' in url.target else '?'}{query}")

"""A registry's answer to one operation, and the checks that no answer is spared."""

import json
import re
from dataclasses import dataclass
from typing import Any

from app.domain.digests import Digest
from app.domain.errors import InvalidDigestError
from app.outbound import Answer, InvalidUrlError, Url
from app.remote.errors import RemoteError

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NEXT = re.compile(r'<([^>]*)>[^,<]*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from `url` for `operation`."""

    operation: str
    url: Url
    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    def failed(self, reason: str | None = None) -> RemoteError:
        """The error to raise. Without a reason of ours, a redirect's target is one."""
        pointed = self.answer.redirect and f"a redirect to {self.answer.redirect}"
        code = _first_code(self.answer.body)
        return RemoteError(self.url.authority, self.operation, self.status, code, reason or pointed)

    def expect(self, *statuses: int) -> "Reply":
        """Itself; raise RemoteError for another status or a body that was cut."""
        if self.status not in statuses:
            raise self.failed()
        if self.answer.truncated:
            raise self.failed("the answer is too large")
        return self

    def digest(self) -> Digest | None:
        """Docker-Content-Digest; raise RemoteError if that is none that can be checked."""
        text = self.answer.header("docker-content-digest")
        if text is None:
            return None
        try:
            digest = Digest.parse(text)
        except InvalidDigestError as error:
            raise self.failed("its digest is none") from error
        if not digest.computable:
            raise self.failed("its digest can't be checked")
        return digest

    def agree(self, wanted: Digest) -> None:
        """Raise RemoteError if the answer names another digest, of the same algorithm, than `wanted`."""
        told = self.digest()
        if told is not None and told.algorithm == wanted.algorithm and told != wanted:
            raise self.failed(f"it told {told} instead of {wanted}")

    def digest_of(self, content: bytes, wanted: Digest | None) -> Digest:
        """The digest of `content`; raise RemoteError unless both `wanted` and the answer's own agree."""
        told = self.digest()
        for promised in (wanted, told):
            if promised is not None and not _names(promised, content):
                raise self.failed(f"the content is not {promised}")
        return wanted or told or Digest.of(content)

    def media_type(self) -> str:
        """Of the content, without parameters; empty if it is not told."""
        return (self.answer.header("content-type") or "").partition(";")[0].strip()

    def json(self) -> Any:
        try:
            return json.loads(self.answer.body)
        except (ValueError, RecursionError) as error:
            raise self.failed("the answer is not JSON") from error

    def location(self) -> Url:
        """Where an upload goes on."""
        text = self.answer.header("location")
        if text is None:
            raise self.failed("it told no location")
        return self._within(text)

    def next_page(self) -> Url | None:
        """The target of `Link: <…>; rel="next"` (RFC 8288), as lists are paged."""
        match = _NEXT.search(self.answer.header("link") or "")
        return self._within(match[1]) if match else None

    def _within(self, reference: str) -> Url:
        """Only the configured registry is ever asked, so an answer can't send us to another."""
        try:
            url = self.url.join(reference)
        except InvalidUrlError as error:
            raise self.failed("it pointed to no URL") from error
        if url.origin != self.url.origin:
            raise self.failed(f"it pointed elsewhere, to {url.shown}")
        return url


def _names(digest: Digest, content: bytes) -> bool:
    return digest.computable and Digest.of(content, digest.algorithm) == digest


def _first_code(body: bytes) -> str | None:
    """The first error code of an OCI error body (distribution-spec, "Error Codes")."""
    try:
        code = json.loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None

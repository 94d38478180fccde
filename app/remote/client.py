"""One other registry, as its clients see it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from app.domain.digests import Descriptor, Digest
from app.domain.errors import InvalidNameError
from app.domain.names import parse_repository, parse_tag
from app.outbound import Call, Door, InvalidUrlError, Limits, Url
from app.remote.access import Access, Trust, is_loopback
from app.remote.blobs import Blob
from app.remote.replies import Reply

_LIMITS = Limits(total_s=30.0, answer_bytes=4 * 1024 * 1024)
_MOST_DIGITS = 18
"""Of a size that a database can hold; a longer one is no manifest's."""
_SLOWEST_UPLOAD = 256 * 1024  # bytes a second
_MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)

Reference = str | Digest
"""A tag, or a manifest's digest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`content` is what `digest` was computed of."""

    media_type: str
    digest: Digest
    content: bytes = field(repr=False)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.content))


class RemoteRegistry:
    """Every method raises RemoteError for the registry's answers and OutboundError for the way there.

    CredentialsError is raised where it wants to know who we are, and that can't be found out. A wrong name or tag is
    InvalidNameError. A digest that an answer tells is checked, and no answer leads to another host.
    """

    def __init__(self, door: Door, base_url: str, trust: Trust | None = None) -> None:
        """`base_url` is `host[:port]`, asked by http on loopback and else by https, or has a scheme.

        Without `trust` we have no name there. Raise InvalidUrlError.
        """
        self._base = _parse_base(base_url)
        self._access = Access(door, self._base, trust or Trust())

    def ping(self) -> None:
        """Find out whether it speaks `/v2/` and lets us in."""
        self._ask("ping", Call("GET", self._base.join("/v2/"))).expect(200)

    def head_manifest(self, repository: str, reference: Reference) -> Descriptor | None:
        """What `reference` names, or None. A registry that tells no digest here is asked for the manifest."""
        call = Call("HEAD", self._manifest(repository, reference), {"Accept": _MANIFESTS})
        reply = self._ask("head manifest", call)
        if reply.status == 404:
            return None
        told = reply.expect(200).digest()
        size = reply.answer.header("content-length") or ""
        if told is None or not size.isdecimal() or len(size) > _MOST_DIGITS:
            manifest = self.get_manifest(repository, reference)
            return None if manifest is None else manifest.descriptor
        if isinstance(reference, Digest):
            reply.agree(reference)
        return Descriptor(reply.media_type(), told, int(size))

    def get_manifest(self, repository: str, reference: Reference) -> Manifest | None:
        """The manifest, at most 4 MiB, or None."""
        call = Call("GET", self._manifest(repository, reference), {"Accept": _MANIFESTS})
        reply = self._ask("get manifest", call)
        if reply.status == 404:
            return None
        content = reply.expect(200).answer.body
        digest = reply.digest_of(content, reference if isinstance(reference, Digest) else None)
        return Manifest(reply.media_type(), digest, content)

    def put_manifest(self, repository: str, reference: Reference, media_type: str, content: bytes) -> Digest:
        """Push a manifest under a tag, or under its own digest."""
        call = Call("PUT", self._manifest(repository, reference), {"Content-Type": media_type}, content)
        reply = self._ask("put manifest", call).expect(201)
        return reply.digest_of(content, reference if isinstance(reference, Digest) else None)

    def delete_manifest(self, repository: str, reference: Reference) -> None:
        """Delete a manifest by its digest, or a tag where the registry can."""
        call = Call("DELETE", self._manifest(repository, reference))
        self._ask("delete manifest", call).expect(200, 202, 204)

    def list_tags(self, repository: str) -> Iterator[str]:
        """Every tag, in the registry's order, page after page as they are read."""
        path = f"/v2/{parse_repository(repository)}/tags/list"
        for reply in self._pages("list tags", path):
            yield from _listed(reply, "tags", parse_tag)

    def list_repositories(self) -> Iterator[str]:
        """Every repository that the registry's catalog has, page after page as they are read. Many have no catalog."""
        for reply in self._pages("list repositories", "/v2/_catalog"):
            yield from _listed(reply, "repositories", parse_repository)

    def _pages(self, operation: str, path: str) -> Iterator[Reply]:
        url: Url | None = self._base.join(path)
        seen: set[Url] = set()
        while url is not None:
            reply = self._ask(operation, Call("GET", url)).expect(200)
            yield reply
            seen.add(url)
            url = reply.next_page()
            if url in seen:
                raise reply.failed("its pages go round in a circle")

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """A registry that redirects to its storage has the blob, too; the redirect is not followed."""
        reply = self._ask("head blob", Call("HEAD", self._blobs(repository, str(digest))))
        if reply.status == 404:
            return False
        reply.expect(200, 302, 307).agree(digest)
        return True

    def upload_blob(self, repository: str, blob: Blob) -> None:
        """Push `blob` in one piece: POST, then PUT. Also raises BlobContentError."""
        start = Call("POST", self._blobs(repository, "uploads/"), body=b"")
        place = self._ask("start upload", start).expect(202).location()
        separator = "&" if "?" in place.target else "?"
        url = replace(place, target=f"{place.target}{separator}digest={blob.digest}")
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        call = Call("PUT", url, headers, blob.chunks())
        self._ask("upload blob", call).expect(201).agree(blob.digest)

    def _manifest(self, repository: str, reference: Reference) -> Url:
        name = reference if isinstance(reference, Digest) else parse_tag(reference)
        return self._base.join(f"/v2/{parse_repository(repository)}/manifests/{name}")

    def _blobs(self, repository: str, rest: str) -> Url:
        return self._base.join(f"/v2/{parse_repository(repository)}/blobs/{rest}")

    def _ask(self, operation: str, call: Call) -> Reply:
        return Reply(operation, call.url, self._access.send(call, _limits(call)))


def _parse_base(text: str) -> Url:
    if "://" not in text:
        scheme = "http" if is_loopback(Url.parse(f"http://{text}").host) else "https"
        text = f"{scheme}://{text}"
    url = Url.parse(text)
    if url.target != "/":
        raise InvalidUrlError("a registry is a host, without a path")
    return url


def _limits(call: Call) -> Limits:
    """Uploads get the time that a slow line needs."""
    size = int(call.headers.get("Content-Length", 0))
    return Limits(_LIMITS.total_s + size / _SLOWEST_UPLOAD, _LIMITS.connect_s, _LIMITS.answer_bytes)


def _listed(reply: Reply, what: str, parse: Callable[[str], str]) -> list[str]:
    listed = reply.json()
    names = listed.get(what) if isinstance(listed, dict) else None
    try:
        return [parse(name) for name in names or []]
    except (TypeError, InvalidNameError) as error:
        raise reply.failed(f"its list of {what} is none") from error

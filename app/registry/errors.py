"""Errors that clients see. Codes are data (OCI distribution-spec "Error Codes", and distribution's further
ones).
"""

from dataclasses import dataclass
from typing import Any

from app.domain.errors import TagtrailError


@dataclass(frozen=True, slots=True)
class Code:
    """One row: what the body says, and the HTTP status."""

    code: str
    message: str
    status: int


BLOB_UNKNOWN = Code("BLOB_UNKNOWN", "blob unknown to registry", 404)
BLOB_UPLOAD_UNKNOWN = Code("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", 404)
DIGEST_INVALID = Code("DIGEST_INVALID", "provided digest did not match uploaded content", 400)
MANIFEST_BLOB_UNKNOWN = Code("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", 400)
MANIFEST_INVALID = Code("MANIFEST_INVALID", "manifest invalid", 400)
MANIFEST_TOO_LARGE = Code("SIZE_INVALID", "manifest is larger than 4 MiB", 413)
MANIFEST_UNVERIFIED = Code("MANIFEST_UNVERIFIED", "manifest failed signature verification", 400)
MANIFEST_UNKNOWN = Code("MANIFEST_UNKNOWN", "manifest unknown", 404)
NAME_INVALID = Code("NAME_INVALID", "invalid repository name", 400)
NAME_UNKNOWN = Code("NAME_UNKNOWN", "repository name not known to registry", 404)
NO_ENDPOINT = Code("UNSUPPORTED", "there is no such endpoint", 404)
PAGINATION_NUMBER_INVALID = Code("PAGINATION_NUMBER_INVALID", "invalid number of results requested", 400)
RANGE_INVALID = Code("RANGE_INVALID", "invalid content range", 416)
SIZE_INVALID = Code("SIZE_INVALID", "provided length did not match content length", 400)
TOO_MANY_TAGS = Code("TAG_INVALID", "too many tags", 414)
TAG_INVALID = Code("TAG_INVALID", "invalid tag name", 400)
TOKEN_REQUEST_INVALID = Code("UNSUPPORTED", "not a request for a token", 400)
TOO_MANY_REQUESTS = Code("TOOMANYREQUESTS", "too many requests", 429)
UNAUTHORIZED = Code("UNAUTHORIZED", "authentication required", 401)
UNAVAILABLE = Code("UNAVAILABLE", "service unavailable", 503)
UNKNOWN = Code("UNKNOWN", "unknown error", 500)
DENIED = Code("DENIED", "requested access to the resource is denied", 403)
UNSUPPORTED = Code("UNSUPPORTED", "the operation is unsupported", 405)


class RegistryError(TagtrailError):
    """A request that can't be granted: one entry in the body for each of `details`, one without if there are
    none.
    """

    def __init__(self, code: Code, *details: Any) -> None:
        super().__init__(code.code, *details)
        self.code = code
        self.details = details


class UploadRangeError(RegistryError):
    """A chunk that the session can't take now. The session stays as it was, `size` bytes long."""

    def __init__(self, repository: str, session: str, size: int) -> None:
        super().__init__(RANGE_INVALID, f"the upload has {size} bytes")
        self.repository = repository
        self.session = session
        self.size = size


class BlobRangeError(RegistryError):
    """A range that lies behind the blob's end. `size` of the whole blob in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(RANGE_INVALID, f"the blob has {size} bytes")
        self.size = size

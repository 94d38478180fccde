"""What other registries refuse or get wrong."""

from app.domain.errors import TagtrailError


class RemoteError(TagtrailError):
    """A registry's answer that is not what was asked for.

    `status` is HTTP's; `code` the first one of the OCI error body, such as NAME_UNKNOWN, if there is one;
    `reason` is our own word where the status alone does not tell.
    """

    def __init__(self, registry: str, operation: str, status: int, code: str | None, reason: str | None) -> None:
        details = [str(part) for part in (status, code) if part is not None]
        text = " ".join(details) + (f", {reason}" if reason else "")
        super().__init__(f"{registry}: {operation}: {text}")
        self.registry = registry
        self.operation = operation
        self.status = status
        self.code = code
        self.reason = reason


class BlobContentError(TagtrailError, ValueError):
    """Bytes to upload that are not those of the promised digest and size. The upload was broken off."""

    def __init__(self, digest: str, size: int) -> None:
        super().__init__(f"the content is not {digest} with {size} bytes")
        self.digest = digest
        self.size = size

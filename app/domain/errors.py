"""The errors of the domain. Fields first, text derived from them."""


class TagtrailError(Exception):
    """Root of every error that Tagtrail raises on purpose."""


class InvalidDigestError(TagtrailError, ValueError):
    """A text that is not a digest (OCI image-spec, descriptor.md "Digests")."""

    def __init__(self, text: str) -> None:
        super().__init__(f"not a digest: {text[:100]!r}")
        self.text = text


class InvalidNameError(TagtrailError, ValueError):
    """A text that breaks the grammar of a repository, tag or reference (OCI distribution-spec, "Pulling manifests")."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(f"not a {what}: {text[:300]!r}")
        self.what = what
        self.text = text

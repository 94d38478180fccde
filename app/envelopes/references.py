"""How senders name content in one text: HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST, some with a scheme before it."""

from app.domain.digests import is_digest


def tag_or_digest(text: str | None) -> tuple[str | None, str | None]:
    """(tag, None) or (None, digest) of what stands where either may stand; (None, None) where nothing does."""
    return (None, text) if text and is_digest(text) else (text or None, None)


def host_and_repository(name: str | None) -> tuple[str | None, str | None]:
    """What stands before the first slash, and behind it up to a tag or digest; each None where it is missing."""
    host, _, path = (name or "").rpartition("://")[2].partition("/")
    folders, _, last = path.partition("@")[0].rpartition("/")
    last = last.partition(":")[0]
    return host or None, (f"{folders}/{last}" if folders else last) or None

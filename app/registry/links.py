"""Link files: a digest each."""

from app.domain.digests import Digest
from app.domain.errors import InvalidDigestError
from app.registry.storage.driver import PathNotFoundError, StorageDriver


def follow(driver: StorageDriver, path: str) -> Digest | None:
    """What the link at `path` holds. An empty or broken one, which distribution 2 leaves after a crash, is
    none.
    """
    try:
        digest = Digest.parse(driver.get_content(path).decode())
    except (PathNotFoundError, InvalidDigestError, UnicodeDecodeError):
        return None
    return digest if digest.computable else None


def write(driver: StorageDriver, path: str, digest: Digest) -> None:
    driver.put_content(path, str(digest).encode())

"""Link files: a digest each."""

from collections.abc import Iterator, Sequence

from app.domain.digests import Digest, is_digest
from app.domain.errors import InvalidDigestError
from app.registry.storage.driver import PathNotFoundError, StorageDriver

SIZES = frozenset(len(str(Digest.of(b"", algorithm))) for algorithm in ("sha256", "sha384", "sha512"))
"""How many bytes a link can have."""


def follow(driver: StorageDriver, path: str) -> Digest | None:
    """What the link at `path` holds. An empty or broken one, which distribution 2 leaves after a crash, is
    none.
    """
    try:
        digest = Digest.parse(driver.get_content(path).decode())
    except (PathNotFoundError, InvalidDigestError, UnicodeDecodeError):
        return None
    return digest if digest.computable else None


def below(driver: StorageDriver, folder: str) -> Iterator[tuple[Digest, str]]:
    """By the digest that its path says, the path of every link below a folder of them; there may be none in one."""
    for algorithm in children(driver, folder):
        for place in children(driver, algorithm):
            text = ":".join(place.rsplit("/", 2)[1:])
            if is_digest(text):
                yield Digest.parse(text), f"{place}/link"


def children(driver: StorageDriver, folder: str) -> Sequence[str]:
    """Of a folder that may not be there, or go meanwhile."""
    try:
        return driver.list(folder)
    except PathNotFoundError:
        return ()


def exists(driver: StorageDriver, path: str) -> bool:
    """Whether there is a file or folder."""
    try:
        driver.stat(path)
    except PathNotFoundError:
        return False
    return True


def write(driver: StorageDriver, path: str, digest: Digest) -> None:
    driver.put_all([to(path, digest)])


def to(path: str, digest: Digest) -> tuple[str, bytes]:
    """A link as a file to be put."""
    return path, str(digest).encode()

"""Every path in the storage, as distribution lays them out, so that either can serve the other's tree.

    /docker/registry/v2/
        blobs/<algorithm>/<first two of hex>/<hex>/data             bytes of every blob and of every manifest
        repositories/<name>/
            _layers/<algorithm>/<hex>/link                          this repository holds this blob
            _manifests/
                revisions/<algorithm>/<hex>/link                    this repository holds this manifest
                tags/<tag>/
                    current/link                                    where the tag points
                    index/<algorithm>/<hex>/link                    everywhere it ever pointed
                referrers/<algorithm>/<hex>/<algorithm>/<hex>/link  what has the first as its subject: ours alone
            _uploads/<session>/
                data                                                what has come so far
                startedat                                           2026-11-23T20:08:44Z; makes the session
                hashstates/sha256/<bytes>                           what `sha256` keeps after so many; may be missing

A `link` holds one digest and no newline. Its content counts, not its path: distribution stores a blob that
was pushed as sha512 under its sha256, and links both to that. The parts of a name are folders, none of which
begins with `_`.
"""

from app.domain.digests import Digest

ROOT = "/docker/registry/v2"
REPOSITORIES = f"{ROOT}/repositories"
BLOBS = f"{ROOT}/blobs"


def blob(digest: Digest) -> str:
    return f"{BLOBS}/{digest.algorithm}/{digest.encoded[:2]}/{digest.encoded}"


def blob_data(digest: Digest) -> str:
    return f"{blob(digest)}/data"


def layers(repository: str) -> str:
    return f"{REPOSITORIES}/{repository}/_layers"


def layer_link(repository: str, digest: Digest) -> str:
    return f"{layers(repository)}/{digest.algorithm}/{digest.encoded}/link"


def manifests(repository: str) -> str:
    return f"{REPOSITORIES}/{repository}/_manifests"


def uploads(repository: str) -> str:
    return f"{REPOSITORIES}/{repository}/_uploads"


def revision_link(repository: str, digest: Digest) -> str:
    return f"{manifests(repository)}/revisions/{digest.algorithm}/{digest.encoded}/link"


def referrers(repository: str, subject: Digest) -> str:
    return f"{manifests(repository)}/referrers/{subject.algorithm}/{subject.encoded}"


def referrer_link(repository: str, subject: Digest, digest: Digest) -> str:
    return f"{referrers(repository, subject)}/{digest.algorithm}/{digest.encoded}/link"


def tags(repository: str) -> str:
    return f"{manifests(repository)}/tags"


def tag(repository: str, name: str) -> str:
    return f"{tags(repository)}/{name}"


CURRENT = "current/link"
"""Below a tag."""


def tag_current(repository: str, name: str) -> str:
    return f"{tag(repository, name)}/{CURRENT}"


def tag_index(repository: str, name: str, digest: Digest) -> str:
    return f"{tag(repository, name)}/index/{digest.algorithm}/{digest.encoded}/link"


def upload(repository: str, session: str) -> str:
    return f"{uploads(repository)}/{session}"


def upload_data(repository: str, session: str) -> str:
    return f"{upload(repository, session)}/data"


def upload_started(repository: str, session: str) -> str:
    return f"{upload(repository, session)}/startedat"


def upload_hash_state(repository: str, session: str, size: int) -> str:
    return f"{upload(repository, session)}/hashstates/sha256/{size}"

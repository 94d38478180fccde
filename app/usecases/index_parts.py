"""Learns what the indexes consist of that wait in a window: their manifests belong to them (containerd #2639)."""

import logging
from collections.abc import Collection, Mapping

from app.domain.digests import Digest
from app.domain.errors import TagtrailError
from app.domain.settling import Indexes
from app.domain.text import printable
from app.domain.told import Told
from app.registry.errors import RegistryError
from app.registry.validation import INDEXES, MEDIA_TYPES, stored
from app.remote.client import RemoteRegistry
from app.store import indexes
from app.store.engine import Engine, reading, writing

log = logging.getLogger(__name__)

_PLAIN = MEDIA_TYPES - INDEXES


def index_parts(engine: Engine, remotes: Mapping[str, RemoteRegistry], told: Collection[Told]) -> Indexes:
    """By digest of what is `told`, the digests in it, as far as its registry could be asked.

    Asks nobody where all say one digest: there is nothing to join then.
    """
    digests = {one.after: one for one in told}
    if len(digests) < 2:
        return {}
    with reading(engine) as connection:
        known = indexes.known(connection, digests)
    open_ones = [one for digest, one in digests.items() if digest not in known and one.media_type not in _PLAIN]
    learnt = {one.after: parts for one in open_ones if (parts := _ask(remotes, one)) is not None}
    if learnt:
        with writing(engine) as connection:
            indexes.add(connection, learnt)
    return known | learnt


def _ask(remotes: Mapping[str, RemoteRegistry], told: Told) -> frozenset[str] | None:
    """The digests in an index, none for what is no index; None if the registry can't say."""
    remote = remotes.get(told.registry)
    if remote is None:
        return None
    try:
        digest = Digest.parse(told.after)
        found = remote.get_manifest(told.repository, digest)
        return None if found is None else _parts(found.content, digest)
    except TagtrailError as error:
        log.info("%s: not known what it consists of: %s", printable(told.after), printable(str(error)))
        return None


def _parts(content: bytes, digest: Digest) -> frozenset[str]:
    try:
        manifest = stored(content, digest)
    except RegistryError:  # of a type that has no parts
        return frozenset()
    return frozenset(str(part.digest) for part in manifest.references) if manifest.is_index else frozenset()

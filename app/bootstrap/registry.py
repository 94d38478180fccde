"""Our own registry, and what is written down of it."""

import os
import socket
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.bootstrap.addresses import told_at
from app.queue.jobs import Bell, Lane
from app.settings import Settings
from app.store.engine import Engine, alone, make_engine

if TYPE_CHECKING:
    from app.bootstrap.access import Access
    from app.registry.locks import Locks
    from app.registry.policy import Policy
    from app.registry.registry import Registry
    from app.registry.schema1 import Schema1
    from app.registry.storage.driver import StorageDriver
    from app.registry.storage.timed import Observe
    from app.settings.registry import RegistrySection
    from app.usecases.record import Recorder

INSTANCE = "TAGTRAIL_INSTANCE"
"""Names this start of our registry in its events (`source.instanceID`): one for all processes that serve it."""


def journal_engine(settings: Settings) -> Engine:
    return make_engine(settings.journal_url)


def make_storage(settings: Settings) -> tuple["StorageDriver", "Locks"]:
    """The driver that configuration names, and locks that reach as far as it does."""
    from app.registry.locks import ThreadLocks
    from app.registry.storage.factory import make_driver

    storage = settings.registry.storage
    if storage.inmemory is not None:
        return make_driver("inmemory", {}), ThreadLocks()
    locks = _lasting_locks(settings)
    redirects = not storage.redirect.disable
    if s3 := storage.s3 or storage.s3aws:
        return make_driver("s3", s3.parameters(), redirects), locks
    if storage.azure:
        return make_driver("azure", storage.azure.parameters(), redirects), locks
    return make_driver("filesystem", {"rootdirectory": str(settings.registry_root)}), locks


def _lasting_locks(settings: Settings) -> "Locks":
    """Those of this machine, and of all that share a journal in PostgreSQL."""
    from app.registry.locks import FileLocks

    near, engine = FileLocks(settings.data / "locks"), journal_engine(settings)
    if engine.dialect.name != "postgresql":
        return near
    from app.usecases.shared_locks import SharedLocks

    locks = SharedLocks(near, engine)
    weakref.finalize(locks, engine.dispose)  # nobody else knows of it
    return locks


def check_storage(settings: Settings) -> None:
    """Raises ConfigurationError where the driver needs more than is installed. Asks no storage."""
    from app.registry.storage.factory import check_client

    storage = settings.registry.storage
    named = {"s3": storage.s3, "s3aws": storage.s3aws, "azure": storage.azure}
    for key, section in named.items():
        if section is not None:
            with told_at(settings, "registry", "storage", key):
                check_client(key.removesuffix("aws"))


def make_registry(settings: Settings, observe: "Observe | None" = None) -> tuple["Registry", "Locks"]:
    """`observe` hears how long each action of the storage took."""
    from app.registry.registry import Registry
    from app.registry.storage.timed import Timed

    driver, locks = make_storage(settings)
    return Registry(Timed(driver, observe) if observe else driver, locks, _policy(settings)), locks


def _policy(settings: Settings) -> "Policy":
    from app.registry.policy import Policy

    rules = settings.registry.validation.in_force
    listed = frozenset((platform.os, platform.architecture) for platform in rules.indexes.platformlist)
    return Policy(rules.urls.allow, rules.urls.deny, rules.indexes.platforms, listed, _schema1(settings))


def _schema1(settings: Settings) -> "Schema1 | None":
    if not settings.registry.compatibility.schema1.enabled:
        return None
    from app.registry.schema1 import Schema1
    from app.settings.keys import schema1_key

    return Schema1(schema1_key(settings))


@dataclass(frozen=True, slots=True)
class Served:
    """A registry that is served, and who writes down what happens to it; nobody where nobody ever asks.

    Its events name `node` and `instance`.
    """

    section: "RegistrySection"
    access: "Access"
    registry: "Registry"
    recorder: "Recorder | None"
    node: str
    instance: str


def serve_registry(settings: Settings, bell: Bell, observe: "Observe | None" = None) -> Served:
    from app.bootstrap.access import make_access

    registry, recorder = recorded_registry(settings, bell, observe)
    return Served(
        section=settings.registry,
        access=make_access(settings),
        registry=registry,
        recorder=None if settings.alone and not settings.endpoints else recorder,
        node=f"{socket.gethostname()}:{settings.port}",
        instance=os.environ.get(INSTANCE) or str(uuid.uuid4()),
    )


def recorded_registry(
    settings: Settings, bell: Bell, observe: "Observe | None" = None
) -> tuple["Registry", "Recorder"]:
    from app.usecases.record import Recorder

    registry, _locks = make_registry(settings, observe)
    lanes = [Lane("notify", endpoint.name) for endpoint in settings.endpoints]

    def ring() -> None:
        for lane in lanes:
            bell.ring(lane)

    references = settings.registry.notifications.events.includereferences
    return registry, Recorder(
        journal_engine(settings),
        registry.holds,
        ring,
        references=references,
        turn=lambda: alone(settings.data / "journal.turn"),
    )

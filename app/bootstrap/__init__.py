"""From settings to working parts: the only place where things are put together. Each role imports only its own."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from app.bootstrap.acting import (
    make_channel,
    make_channels,
    make_fan,
    make_forwards,
    make_manners,
    make_notified,
    make_notify_doors,
    make_receivers,
    make_settle,
    make_sinks,
    make_trigger,
    make_triggers,
)
from app.bootstrap.addresses import told_at, url_of
from app.bootstrap.registry import (
    INSTANCE,
    Served,
    journal_engine,
    make_registry,
    make_storage,
    recorded_registry,
    serve_registry,
)
from app.bootstrap.reloading import Watched
from app.domain.errors import TagtrailError
from app.domain.rules import PULLED
from app.queue.jobs import FAN_OUT, Bell, SilentBell
from app.settings import ConfigurationError, Settings
from app.settings.origins_folder import LOCAL
from app.store.engine import Engine, alone, make_engine
from app.usecases.group_commit import GroupCommit
from app.usecases.ingest import Parcel, Policy, ingest

if TYPE_CHECKING:
    from app.outbound import Door
    from app.registry.storage.timed import Observe
    from app.remote.client import RemoteRegistry
    from app.remote.credentials import Credentials
    from app.settings.asked import AskedRegistry
    from app.usecases.checkpoint import Export
    from app.usecases.retain import Keeping


__all__ = [
    "INSTANCE",
    "InForce",
    "MissingRedisError",
    "Services",
    "audit_engine",
    "configure_logging",
    "journal_engine",
    "log_failure",
    "make_bell",
    "make_channel",
    "make_channels",
    "make_export",
    "make_fan",
    "make_forwards",
    "make_keeping",
    "make_manners",
    "make_notified",
    "make_notify_doors",
    "make_receivers",
    "make_registry",
    "make_remote",
    "make_remotes",
    "make_rings",
    "make_services",
    "make_settle",
    "make_sinks",
    "make_storage",
    "make_trigger",
    "make_triggers",
    "policy",
    "recorded_registry",
    "sections_to_ask",
]


def configure_logging(role: str) -> None:
    """One line an event on stderr. The libraries' own chatter starts at WARNING."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format=f"%(asctime)s {role} %(levelname)s %(name)s: %(message)s"
    )
    for name in ("app", "workers"):
        logging.getLogger(name).setLevel(logging.INFO)


def log_failure(error: TagtrailError) -> None:
    """Why a process can't go on: one line that says what to do, without a trace."""
    logging.getLogger("app").error("%s", error)


def make_bell(settings: Settings) -> Bell:
    if settings.redis_url is None:
        return SilentBell()
    from app.queue.rq import RqBell, connect

    return RqBell(connect(settings.redis_url))


def make_rings(settings: Settings) -> Callable[[], Mapping[str, int] | None] | None:
    """What says how many rings wait in each queue, None if Redis does not answer; None without a Redis."""
    if settings.redis_url is None:
        return None
    from app.queue.rq import connect, waiting

    return partial(waiting, connect(settings.redis_url))


def policy(settings: Settings) -> Policy:
    return Policy(settings.file.max_age, any(PULLED in (rule.when.kinds or ()) for rule in settings.rules))


def audit_engine(settings: Settings) -> Engine:
    return make_engine(settings.database_url)


def make_export(settings: Settings) -> "Export | None":
    """Where and how often checkpoints go; None if nowhere. Raises ConfigurationError."""
    section = settings.file.audit.checkpoints
    if section is None:
        return None
    from app.settings.keys import signing_key
    from app.usecases.checkpoint import Export

    with told_at(settings, "audit", "checkpoints", "url"):
        url = url_of(section.url) if section.url else None
    return Export(signing_key(settings), section.every, settings.checkpoint_file, url)


def make_keeping(settings: Settings) -> "Keeping | None":
    """How long what reaches no tag is kept; None: for ever. Raises ConfigurationError where no key could sign a cut."""
    spans = settings.file.spans
    if not spans:
        return None
    from app.settings.keys import signing_key
    from app.usecases.retain import Keeping

    return Keeping(spans, settings.data / "archive", signing_key(settings))


_BUILT_IN = {"docker.io": ("https://registry-1.docker.io", ("https://auth.docker.io",))}
"""Registries that are elsewhere than their name says: where, and where their tokens are given."""


def make_remotes(settings: Settings, door: "Door") -> Mapping[str, "RemoteRegistry"]:
    """The registries that may be asked, by name. Raises ConfigurationError."""
    sections = sections_to_ask(settings)
    return {name: make_remote(settings, door, name, section) for name, section in sections.items()}


def sections_to_ask(settings: Settings) -> Mapping[str, "AskedRegistry"]:
    """What configuration says of the registries that may be asked: those of `registries:`, and our own."""
    from app.settings.asked import AskedRegistry

    return {LOCAL: AskedRegistry(url=settings.ran_at), **settings.file.registries}


def make_remote(settings: Settings, door: "Door", name: str, section: "AskedRegistry") -> "RemoteRegistry":
    """One of them. Raises ConfigurationError."""
    from app.outbound import Url
    from app.remote.access import Trust
    from app.remote.client import RemoteRegistry
    from app.sinks.doors import trusting

    url, realms = _BUILT_IN.get(name, (name, ()))
    with told_at(settings, "registries", name):
        listed = frozenset(Url.parse(realm).origin for realm in (*realms, *section.token_realms))
        trust = Trust(_credentials(settings, name, section), listed)
        own_door = trusting(settings.folder / section.tls.ca) if section.tls else door
        return RemoteRegistry(own_door, section.url or url, trust)


def _credentials(settings: Settings, name: str, section: "AskedRegistry") -> "Credentials":
    """Raises ConfigurationError for a password that can't be found."""
    from app.remote.credentials import Login, from_docker, nobody
    from app.settings.references import resolve

    if section.credentials == "none":
        return nobody
    if section.credentials == "docker-config":
        return lambda: from_docker(settings.docker_config, name)
    try:
        login = Login(section.credentials.username, resolve(section.credentials.password, settings.folder))
    except ValueError as error:
        raise ConfigurationError(str(error), ("credentials", "password")) from None
    return lambda: login


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration, and what to do with what comes in under it."""

    settings: Settings
    policy: Policy

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings, policy(settings))


@dataclass(frozen=True, slots=True)
class Services:
    """What the web process works with. `settings` are those of its start, `in_force` has those of now.

    `registry` is None where `/v2/` is off.
    """

    settings: Settings
    engine: Engine
    in_force: Callable[[], InForce]
    parcels: GroupCommit[Parcel]
    registry: Served | None


def make_services(settings: Settings, observe: "Observe | None" = None) -> Services:
    """`observe` hears how long each action of the registry's storage took."""
    engine = audit_engine(settings)
    bell = make_bell(settings)
    in_force = _in_force(settings)

    def commit(parcels: Sequence[Parcel]) -> None:
        if ingest(engine, parcels, in_force().policy):
            bell.ring(FAN_OUT)

    return Services(
        settings=settings,
        engine=engine,
        in_force=in_force,
        parcels=GroupCommit(commit, lambda: alone(settings.data / "ingest.turn"), lambda parcel: parcel.weight),
        registry=serve_registry(settings, bell, observe) if settings.serves_registry else None,
    )


def _in_force(settings: Settings) -> Callable[[], InForce]:
    """What says which configuration is in force, whenever it is asked."""
    known = InForce.of(settings)

    def use(fresh: Settings) -> None:
        nonlocal known
        known = InForce.of(fresh)

    watched = Watched(settings, use)

    def in_force() -> InForce:
        watched.look()
        return known

    return in_force


class MissingRedisError(TagtrailError):
    """A process that rings or listens was started without a Redis."""

    def __init__(self) -> None:
        super().__init__("REDIS_URL is not set; set it, or start everything with: tagtrail up")

"""The settings of `tagtrail registry serve`: distribution's file, and as much of ours as a registry alone needs."""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.settings.distribution import understand
from app.settings.load import DEFAULT_DATA, Settings
from app.settings.origins_folder import OriginsFolder
from app.settings.registry import RegistrySection
from app.settings.sections import File
from app.settings.yamlfile import ConfigurationError

CONFIG = "TAGTRAIL_REGISTRY_CONFIG"
"""Tells the processes of a registry that is served alone where its file is."""
INSECURE = "TAGTRAIL_INSECURE"
"""Why nobody has to prove who they are, where others reach the registry (decision 16)."""


@dataclass(frozen=True, slots=True)
class Alone:
    """`remarks`: on what the file says and is not followed."""

    settings: Settings
    remarks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, where: str) -> "Address":
        """As Go writes it: `:5000`, `localhost:5000`, `[::1]:5000`. Raises ConfigurationError that names `where`."""
        found = _ADDRESS.fullmatch(text)
        host = _NAMED.get(found[1]) or _ip(found[1].strip("[]")) if found else None
        if found is None or host is None or int(found[2]) > 65535:
            raise ConfigurationError(f"{where}: no address to listen on: {text!r}; write for example localhost:5000")
        return cls(host, int(found[2]))


_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9.]*|localhost):([0-9]{1,5})")
_NAMED = {"": "0.0.0.0", "localhost": "127.0.0.1"}  # noqa: S104 - everywhere if nowhere is named, as distribution does


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def load_alone(environment: Mapping[str, str] = os.environ) -> Alone:
    """What the file that TAGTRAIL_REGISTRY_CONFIG names says, and REGISTRY_*. Raises ConfigurationError."""
    config = Path(environment[CONFIG]).absolute()
    understood = understand(config, environment)
    data = Path(environment.get("TAGTRAIL_DATA", DEFAULT_DATA)).absolute()
    address = Address.parse(understood.section.http.addr, f"{config}: http.addr")
    settings = Settings(
        data=data,
        config=config,
        database_url=f"sqlite:///{data}/tagtrail.db",
        journal_url=environment.get("TAGTRAIL_JOURNAL_URL") or f"sqlite:///{data}/journal.db",
        redis_url=None,
        host=address.host,
        port=address.port,
        file=File().model_copy(update={"registry": understood.section}),
        origins=OriginsFolder(data / "origins.d", {}),
        docker_config=data,
        alone=True,
    )
    _check_access(settings, environment.get(INSECURE, "").strip())
    return Alone(settings, understood.remarks)


def _check_access(settings: Settings, reason: str) -> None:
    if settings.open_to_others and not settings.registry.auth and not reason:
        raise ConfigurationError(
            f"{settings.config}: everybody who reaches {settings.registry.http.addr} could push: configure auth:,"
            f' listen on localhost (http.addr), or say why it needs none: --insecure "REASON", or {INSECURE}'
        )


def debug_address(section: RegistrySection) -> Address | None:
    """Where metrics and health are told; None: nowhere."""
    return Address.parse(section.http.debug.addr, "http.debug.addr") if section.http.debug.addr else None

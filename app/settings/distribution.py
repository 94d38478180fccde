"""distribution's own configuration: `config.yml` (version 0.1) and `REGISTRY_*`, with distribution's defaults.

distribution passes over what it does not know. Here it is named, and an error where it may be meant to protect.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.settings.registry import RegistrySection
from app.settings.sifting import Remark, Sieve, Verdict
from app.settings.variables import overlay
from app.settings.yamlfile import ConfigurationError, Texts, Where, complaints, line, parse

VERSION = "0.1"
ROOT = "/var/lib/registry"
"""Where distribution's filesystem driver keeps content unless said."""

_OWN_WAY = Verdict("without effect: what can't change is cached, what can is looked up")
_SERVED = Verdict("not supported: content is served by the registry itself")
_CLIENTS_LOG = Verdict("without effect: the store's client writes no log of its own")
_COPIED = Verdict("without effect: a copy within the store is waited for until it ends")
_NOT_RUN = Verdict("not supported: no code of others runs in this registry", fatal=True)
_NOT_SENT = Verdict("not supported: nothing is reported there")
_VERDICTS: Mapping[str, Verdict] = {
    "loglevel": Verdict("not read any more: say log.level"),
    "log.hooks": Verdict("not supported: no mail is sent for log lines"),
    "log.reportcaller": Verdict("without effect: lines name the part that wrote them"),
    "storage.cache": _OWN_WAY,
    "storage.tag": Verdict("without effect: tags of a repository are looked up one after the other"),
    "storage.filesystem.maxthreads": Verdict("without effect: each request has a thread, of 64 in each process"),
    "storage.s3.loglevel": _CLIENTS_LOG,
    "storage.s3aws.loglevel": _CLIENTS_LOG,
    "storage.azure.copy_status_poll_max_retry": _COPIED,
    "storage.azure.copy_status_poll_delay": _COPIED,
    "storage.gcs": Verdict(
        "not supported: reach Google's storage by its S3 interface, with s3: and an HMAC key", fatal=True
    ),
    "storage.oss": Verdict("not supported: no driver for this storage", fatal=True),
    "storage.swift": Verdict("not supported: no driver for this storage", fatal=True),
    "auth.silly": Verdict("not supported: it lets in whoever says anything", fatal=True),
    "middleware.registry": _NOT_RUN,
    "middleware.repository": _NOT_RUN,
    "middleware.storage": _SERVED,
    "middleware": _SERVED,
    "reporting": _NOT_SENT,
    "redis": _OWN_WAY,
    "http.prefix": Verdict("not supported: the registry is served at /v2/ only", fatal=True),
    "http.h2c": Verdict("not supported: HTTP/2 is spoken over TLS, HTTP/1.1 without"),
    "http.tls.letsencrypt": Verdict(
        "not supported: no certificate would be got; name certificate and key, or put a proxy in front", fatal=True
    ),
    "http.tls.clientauth": Verdict("not supported: clientcas always require a certificate", fatal=True),
    "http.tls.ciphersuites": Verdict("not supported: the suites are those that TLS 1.2 and 1.3 have left as safe"),
    "notifications.endpoints.threshold": Verdict(
        "without effect: every failure is waited after, from backoff on ever longer, up to a minute"
    ),
    "health.http": Verdict("not supported: no other address is asked whether this registry is well"),
    "health.tcp": Verdict("not supported: no other address is asked whether this registry is well"),
    "policy": Verdict("not supported: every class of repository would be let in", fatal=True),
    "proxy": Verdict(
        "not supported: this registry is no cache of another, and would be empty and take pushes", fatal=True
    ),
}


def _grave(where: Where) -> bool:
    return where[0] in ("auth", "storage", "validation") or tuple(where[:2]) == ("http", "tls")


_SIEVE = Sieve(_VERDICTS, _grave)


@dataclass(frozen=True, slots=True)
class Understood:
    """What the file and the environment say, and what there is to say about them, a line each."""

    section: RegistrySection
    remarks: Sequence[str]


def understand(path: Path, environment: Mapping[str, str]) -> Understood:
    """Raises ConfigurationError with a line for everything that keeps it from being served."""
    tree, written = parse(path, Texts)
    merged, said = overlay(written or {}, environment)

    def place(where: Where) -> str:
        texts = tuple(str(part) for part in where)
        variable = next((said[texts[:count]] for count in range(len(texts), 0, -1) if texts[:count] in said), None)
        return variable or f"{path}:{line(tree, where)}"

    _check_version(path, merged)
    kept, remarks = _SIEVE.sift(_with_driver(merged), RegistrySection)
    told = [(f"{place(one.where)}: {_shown(one)}", one.fatal) for one in remarks]
    faults = [text for text, fatal in told if fatal]
    section = None
    try:
        section = RegistrySection.model_validate(_with_defaults(kept), context={"folder": path.parent})
    except ValidationError as error:
        faults += complaints(error, tree, place)
    if not any(one.where[0] == "storage" for one in remarks if one.fatal) and not _drivers(kept):
        faults.append(f"{path}: storage: name a driver, for example filesystem: {{rootdirectory: {ROOT}}}")
    if section is None or faults:
        raise ConfigurationError("\n".join(faults))
    return Understood(section, [text for text, _fatal in told])


def _shown(remark: Remark) -> str:
    return f"{'.'.join(str(part) for part in remark.where)}: {remark.text}"


def _check_version(path: Path, merged: Any) -> None:
    if not isinstance(merged, Mapping):
        raise ConfigurationError(f"{path}: not a configuration: write version: {VERSION}, and storage:")
    if merged.get("version") != VERSION:
        raise ConfigurationError(f"{path}: version: write {VERSION}, the only one there is")


def _with_driver(merged: Mapping[str, Any]) -> dict[str, Any]:
    """`storage: inmemory` names a driver without parameters."""
    tree = {key: value for key, value in merged.items() if key != "version"}
    if isinstance(tree.get("storage"), str) and tree["storage"]:
        tree["storage"] = {tree["storage"]: {}}
    return tree


def _drivers(kept: Mapping[str, Any]) -> set[str]:
    storage = kept.get("storage")
    return set(storage) - {"delete", "redirect", "maintenance"} if isinstance(storage, Mapping) else set()


_DEFAULTS: Sequence[tuple[str, str, Any]] = (
    ("storage", "delete", {"enabled": False}),
    ("storage.delete", "enabled", False),
    ("storage.filesystem", "rootdirectory", ROOT),
    ("notifications", "endpoints", []),
)
"""distribution's own where they are not ours: in which section, if it is there, which key has which value."""


def _with_defaults(kept: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {"notifications": {}} | copy.deepcopy(dict(kept))
    for where, key, value in _DEFAULTS:
        section: Any = tree
        for part in where.split("."):
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[key] = section.get(key) or value
    return tree

"""`DATA/origins.d`: origins added by command, one file each, with their secrets beside them (mode 0600)."""

import base64
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from app.settings.proofs import ProofKind
from app.settings.sections import OriginSection
from app.settings.values import check_origin
from app.settings.yamlfile import ConfigurationError, read

LOCAL = "local"
"""Our own registry, and the origin of its envelopes."""


_Read = dict[str, OriginSection | ConfigurationError]
"""By name, what a file of the folder says, or what is wrong with it."""


@dataclass
class OriginsFolder:
    """All origins: the file's, and those of the folder, which are read again when the folder changes.

    `check` raises ConfigurationError for origins that may not be together with the rules: of those it is the one that
    is new or changed which can't be used.
    """

    folder: Path
    fixed: Mapping[str, OriginSection] = field(default_factory=dict)
    check: Callable[[Mapping[str, OriginSection]], None] = lambda _: None
    _read_at: frozenset[tuple[str, int, int, int]] | None = None
    _found: _Read = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> Mapping[str, OriginSection]:
        """Every origin by name. Raises ConfigurationError for a file that can't be used."""
        return {name: _usable(section) for name, section in self._present().items()}

    def usable(self) -> Mapping[str, OriginSection]:
        """Every origin but those whose file can't be used."""
        return {name: one for name, one in self._present().items() if isinstance(one, OriginSection)}

    def get(self, name: str) -> OriginSection | None:
        """That origin, whatever is wrong with the files of others. Raises ConfigurationError."""
        section = self._present().get(name)
        return None if section is None else _usable(section)

    def _present(self) -> Mapping[str, OriginSection | ConfigurationError]:
        stamp = self._stamp()
        with self._lock:
            if stamp != self._read_at:
                self._found = self._checked({path.stem: _section(path) for path in sorted(self.folder.glob("*.yml"))})
                self._read_at = stamp
            return {**self._found, **self.fixed}

    def _checked(self, read: _Read) -> _Read:
        """`read`, with what is wrong in the place of those that are new or changed and fail the check."""
        known = {name: one for name, one in read.items() if self._found.get(name) == one}
        together = {name: one for name, one in {**known, **self.fixed}.items() if isinstance(one, OriginSection)}
        for name in sorted(read.keys() - known.keys()):
            section = read[name]
            if isinstance(section, OriginSection):
                try:
                    self.check({**together, name: section})
                    together[name] = section
                except ConfigurationError as error:
                    read[name] = error
        return read

    def _stamp(self) -> frozenset[tuple[str, int, int, int]]:
        """Name, inode, time and size of every file: the folder's own time is too coarse, and editors write in place."""
        try:
            with os.scandir(self.folder) as entries:
                found = [(entry.name, entry.stat()) for entry in entries]
        except FileNotFoundError:
            return frozenset()
        return frozenset((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found)

    def secret_file(self, name: str) -> Path:
        return self.folder / f"{name}.secret"

    def add(self, name: str, kind: str, registries: tuple[str, ...], proof: ProofKind = "bearer") -> None:
        """Write a new origin with a new secret for its `proof` (not `oidc`: its keys are not ours).

        Raises ConfigurationError for a name that is taken or no name.
        """
        try:
            check_origin(name)
        except ValueError as error:
            raise ConfigurationError(f"{name!r} can't name an origin: {error}") from None
        if name in self.all():
            raise ConfigurationError(f"the origin {name!r} exists already; see: tagtrail origin show {name}")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.secret_file(name), _new_secret(proof))
        section: dict[str, object] = {"kind": kind}
        if registries:
            section["registries"] = list(registries)
        section["auth"] = _auth(proof, f"${{file:{name}.secret}}")
        write_private(self.folder / f"{name}.yml", yaml.safe_dump(section, sort_keys=False))

    def remove(self, name: str) -> None:
        """Forget an origin of the folder. Raises ConfigurationError for one that is not there."""
        path = self.folder / f"{name}.yml"
        if name not in self.all() or not path.exists():
            raise ConfigurationError(f"no origin {name!r} was added by command; `tagtrail origin list` shows all")
        path.unlink()
        self.secret_file(name).unlink(missing_ok=True)


def _section(path: Path) -> OriginSection | ConfigurationError:
    try:
        return read(path, OriginSection)
    except ConfigurationError as error:
        return error


def _usable(section: OriginSection | ConfigurationError) -> OriginSection:
    if isinstance(section, ConfigurationError):
        raise ConfigurationError(str(section))  # a new one: threads share what was found
    return section


def _new_secret(proof: ProofKind) -> str:
    if proof == "standard-webhooks":
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def _auth(proof: ProofKind, secret: str) -> dict[str, object]:
    """As it is written in YAML, with the names that a sender may choose chosen."""
    named = {
        "basic": {"username": "tagtrail", "password": secret},
        "header": {"name": "X-Tagtrail-Secret", "value": secret},
        "hmac": {"header": "X-Hub-Signature-256", "secret": secret, "prefix": "sha256="},
    }
    return {proof: named.get(proof, secret)}


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only its owner can read, whole or not at all. Without `replace`, one that is there stays."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        partial.rename(path)
        return
    with suppress(FileExistsError):
        path.hardlink_to(partial)
    partial.unlink()

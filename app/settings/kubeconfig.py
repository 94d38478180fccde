"""Where a Kubernetes cluster is and what shows it who asks: a kubeconfig, or what every pod is given.

Read is what kubectl's file says of a cluster and a user, as far as it is data: certificates, a token. What would run a
program, or trust anybody, is refused.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.settings.yamlfile import ConfigurationError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REFUSED = {
    "exec": "it wants to run a program; put a token or a certificate there",
    "auth-provider": "Kubernetes has given this up; put a token or a certificate there",
    "insecure-skip-tls-verify": "the server's certificate has to be checked; name its certificate-authority",
    "proxy-url": "proxies are not taken from there",
    "username": "Kubernetes has no passwords any more; put a token or a certificate there",
    "as": "acting as somebody else is not supported",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """`authorities`, `certificate` and `key` are PEM texts. A `token_file` is read at each attempt: it changes."""

    url: str
    namespace: str
    authorities: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> Cluster:
    """As a pod is told (kubernetes.io, "Accessing the Kubernetes API from a Pod"). Raises ConfigurationError."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigurationError("this is no pod (KUBERNETES_SERVICE_HOST is not set); name a kubeconfig:")
    shown = f"[{host}]" if ":" in host else host
    namespace = folder / "namespace"
    return Cluster(
        url=f"https://{shown}:{port}",
        namespace=_read(namespace).strip() if namespace.exists() else "default",
        authorities=_read(folder / "ca.crt"),
        token_file=folder / "token",
    )


def from_file(path: Path, context: str | None) -> Cluster:
    """What `context` of a kubeconfig means, else its current one. Raises ConfigurationError without secrets."""
    try:
        config = yaml.safe_load(_read(path))
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date that is none
        raise ConfigurationError(f"{path}: not YAML") from None
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"{path}: not a kubeconfig")
    reader = _Reader(path)
    chosen = reader.named(config, "context", context or str(config.get("current-context") or ""))
    cluster = reader.named(config, "cluster", str(chosen.get("cluster", "")))
    user = reader.named(config, "user", str(chosen.get("user", "")))
    token_file = user.get("tokenFile")
    return Cluster(
        url=str(cluster.get("server", "")),
        namespace=str(chosen.get("namespace") or "default"),
        authorities=reader.pem(cluster, "certificate-authority"),
        certificate=reader.pem(user, "client-certificate"),
        key=reader.pem(user, "client-key"),
        token=str(user["token"]) if user.get("token") and not token_file else None,
        token_file=path.parent / str(token_file) if token_file else None,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path

    def named(self, config: Mapping[str, Any], what: str, name: str) -> Mapping[str, Any]:
        """The `what` called `name` in the list `{what}s`."""
        listed = config.get(f"{what}s")
        several = listed if isinstance(listed, list) else []
        found = [one for one in several if isinstance(one, Mapping) and one.get("name") == name]
        section = found[0].get(what) if found else None
        if not isinstance(section, Mapping):
            raise ConfigurationError(f"{self.path}: there is no {what} {name!r}")
        for key, reason in _REFUSED.items():
            if section.get(key):
                raise ConfigurationError(f"{self.path}: {what} {name!r} has {key}: {reason}")
        return section

    def pem(self, section: Mapping[str, Any], name: str) -> str | None:
        """`{name}-data` in base64, or else the file that `name` names."""
        if section.get(f"{name}-data"):
            try:
                return base64.b64decode(str(section[f"{name}-data"]), validate=True).decode("ascii")
            except (binascii.Error, ValueError):
                raise ConfigurationError(f"{self.path}: {name}-data is not base64 of a PEM text") from None
        return _read(self.path.parent / str(section[name])) if section.get(name) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text, or no path"
        raise ConfigurationError(f"{path}: can't be read: {reason}") from None

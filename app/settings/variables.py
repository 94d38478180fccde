"""`REGISTRY_*`: distribution's way to say in the environment what may stand in its file. Pure but for YAML.

The rest of a name is a path of keys, with `_` between them; values are YAML, and the names are taken in byte order.
Keys may be distribution's own or the names of the Go fields behind them, which is what distribution itself matches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from app.settings.yamlfile import ConfigurationError, Texts

PREFIX = "REGISTRY_"
_FOREIGN = frozenset({"REGISTRY_AUTH_FILE", "REGISTRY_CONFIGURATION_PATH"})
"""The logins of skopeo and podman, and where the file is."""
_FIELDS = {
    ("notifications", "eventconfig"): "events",
    ("health", "filecheckers"): "file",
    ("health", "httpcheckers"): "http",
    ("health", "tcpcheckers"): "tcp",
}
"""Go fields that are called otherwise than their keys."""
_JOINED = frozenset({"max_retries", "retry_delay"})
"""Keys with the sign in them that stands between keys."""

Path = tuple[str, ...]


def overlay(tree: Any, environment: Mapping[str, str]) -> tuple[Any, Mapping[Path, str]]:
    """`tree` as the environment changes it, and which variable said what. Raises ConfigurationError."""
    said: dict[Path, str] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in _FOREIGN:
            continue
        path = _keys(name.removeprefix(PREFIX).lower().split("_"))
        try:
            tree, written = _put(tree, path, yaml.load(environment[name], Texts))  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, ValueError) as error:
            reason = "not YAML" if isinstance(error, yaml.YAMLError) else error
            raise ConfigurationError(f"{name}: {reason}") from None
        said[written] = name
    return tree, said


def _keys(parts: Sequence[str]) -> Path:
    field = _FIELDS.get((parts[0], "".join(parts[1:2])))
    return (parts[0], field, *parts[2:]) if field else tuple(parts)


def _put(node: Any, path: Path, value: Any) -> tuple[Any, Path]:
    """`node` with `value` at `path`, and the path as it is written there."""
    if not path:
        return value, ()
    if isinstance(node, list) or (not node and path[0].isdecimal()):
        return _put_in_list(list(node or ()), path, value)
    known = {node: {}} if isinstance(node, str) and node else dict(node or {})  # `storage: filesystem` is a driver
    key, rest = _split(known, path)
    known[key], below = _put(known.get(key), rest, value)
    return known, (key, *below)


def _put_in_list(known: list[Any], path: Path, value: Any) -> tuple[list[Any], Path]:
    if not path[0].isdecimal() or int(path[0]) > len(known):
        raise ValueError(f"{path[0]} is not one of the {len(known)} in this list, nor the next")
    index = int(path[0])
    known += [None] * (index + 1 - len(known))
    known[index], below = _put(known[index], path[1:], value)
    return known, (path[0], *below)


def _split(known: Mapping[str, Any], path: Path) -> tuple[str, Path]:
    """The first key of `path`, as `known` writes it if it is there, and what follows."""
    written = {key.lower(): key for key in known}
    for count in range(len(path), 0, -1):
        joined = "_".join(path[:count])
        if joined in written or joined in _JOINED:
            return written.get(joined, joined), path[count:]
    return path[0], path[1:]

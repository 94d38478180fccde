"""From a name in the configuration to a driver."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.registry.storage.checked import Checked
from app.registry.storage.filesystem import Filesystem
from app.registry.storage.memory import Memory


def make_driver(name: str, parameters: Mapping[str, Any]) -> Checked:
    """The driver for one entry of distribution's `storage:` section, e.g. `filesystem`, `{"rootdirectory":
    "…"}`.

    ValueError for a name that is not known.
    """
    match name:
        case "filesystem":
            return Checked(Filesystem(Path(parameters.get("rootdirectory", "/var/lib/registry"))))
        case "inmemory":
            return Checked(Memory())
        case _:
            raise ValueError(f"unknown storage driver {name!r}: filesystem and inmemory are known")

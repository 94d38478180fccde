"""From a name in the configuration to a driver. Each brings its vendor's client along only where it is used."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from app.domain.errors import TagtrailError
from app.registry.storage.checked import Checked
from app.registry.storage.driver import StorageDriver
from app.registry.storage.filesystem import Filesystem
from app.registry.storage.memory import Memory


class MissingClientError(TagtrailError):
    """The vendor's client for a driver is not installed."""

    def __init__(self, driver: str) -> None:
        super().__init__(f"storage on {driver} needs more packages: pip install 'tagtrail[{driver}]'")


def make_driver(name: str, parameters: Mapping[str, Any], redirects: bool = True) -> Checked:
    """The driver for one entry of distribution's `storage:` section, e.g. `filesystem`, `{"rootdirectory":
    "…"}`. Without `redirects` it sends no client to the storage.

    ValueError for a name that is not known, TypeError for a parameter, MissingClientError.
    """
    return Checked(_driver(name, parameters), redirects)


def _driver(name: str, parameters: Mapping[str, Any]) -> StorageDriver:
    match name:
        case "filesystem":
            return Filesystem(Path(parameters.get("rootdirectory", "/var/lib/registry")))
        case "inmemory":
            return Memory()
        case "s3":
            return _s3(parameters)
        case "azure":
            return _azure(parameters)
        case _:
            raise ValueError(f"unknown storage driver {name!r}: filesystem, inmemory, s3 and azure are known")


def check_client(driver: str) -> None:
    """Raises MissingClientError where the vendor's client is not installed that `driver` needs."""
    if driver in ("s3", "azure"):
        try:
            import_module(f"app.registry.storage.{driver}")
        except ModuleNotFoundError:
            raise MissingClientError(driver) from None


def _s3(parameters: Mapping[str, Any]) -> StorageDriver:
    check_client("s3")
    from app.registry.storage.objects import Objects
    from app.registry.storage.s3 import S3
    from app.registry.storage.s3_client import S3Parameters

    given = S3Parameters(**parameters)
    return Objects(S3(given), given.rootdirectory)


def _azure(parameters: Mapping[str, Any]) -> StorageDriver:
    check_client("azure")
    from app.registry.storage.azure import Azure, AzureParameters
    from app.registry.storage.objects import Objects

    given = AzureParameters(**parameters)
    return Objects(Azure(given), given.rootdirectory)

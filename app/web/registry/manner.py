"""How `/v2/` is served, as far as configuration decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from app.settings.registry import RegistrySection
from app.web.registry.paths import Kind
from app.web.registry.states import pack

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Manner:
    """`base_url` begins Locations, which are relative without it. With `secret`, those of uploads carry their state, so
    that another server that knows it goes on with them. `most_…`: in one page of a list.
    """

    deletes: bool = True
    read_only: bool = False
    base_url: str = ""
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret: bytes | None = field(default=None, repr=False)
    most_repositories: int = 1000
    most_tags: int = 1000

    @classmethod
    def of(cls, section: RegistrySection) -> Self:
        http, storage = section.http, section.storage
        return cls(
            deletes=storage.delete.enabled,
            read_only=storage.maintenance.readonly.enabled,
            base_url="" if http.relativeurls else http.host.rstrip("/"),
            headers=http.headers,
            secret=http.secret.get_secret_value().encode() if http.secret else None,
            most_repositories=section.catalog.maxentries,
            most_tags=section.tags.maxtags,
        )

    def refuses(self, kind: Kind, method: str) -> str | None:
        """Why a request that is understood is not granted; None if it is. An upload can be cancelled all the same."""
        if self.read_only and method in WRITING:
            return "the registry is read-only (storage.maintenance.readonly)"
        if not self.deletes and method == "DELETE" and kind != "upload":
            return "deleting is switched off (storage.delete.enabled)"
        return None

    def location(self, path: str) -> str:
        return self.base_url + path

    def upload(self, repository: str, session: str, size: int) -> str:
        """The Location of an upload that has `size` bytes."""
        path = f"/v2/{repository}/blobs/uploads/{session}"
        state = "" if self.secret is None else f"?_state={pack(self.secret, repository, session, size)}"
        return self.location(path + state)

"""What of a manifest this registry insists on, beyond its form (distribution's `validation.manifests`). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.digests import Descriptor
from app.registry.errors import MANIFEST_INVALID, RegistryError
from app.registry.schema1 import Schema1
from app.registry.validation import Manifest


@dataclass(frozen=True, slots=True)
class Policy:
    """`allow`, `deny`: regular expressions that the URLs of layers elsewhere must match, and must not; anything goes
    where neither is given. `platforms`: whose manifests an index must not be without; `listed` as (os, architecture).
    `schema1`: None where manifests of schema 1 are refused.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    platforms: Literal["all", "none", "list"] = "all"
    listed: frozenset[tuple[str, str]] = frozenset()
    schema1: Schema1 | None = None

    def check(self, manifest: Manifest) -> None:
        """MANIFEST_INVALID if a layer lies where it may not."""
        for part in () if manifest.is_index else manifest.references:
            for url in part.extra.get("urls") or ():
                if not self._allows(str(url)):
                    raise RegistryError(MANIFEST_INVALID, f"layers may not lie at {url!r:.300}")

    def required(self, manifest: Manifest) -> Sequence[Descriptor]:
        """What must be in the repository before the manifest."""
        if not manifest.is_index or self.platforms == "all":
            return manifest.required
        return [part for part in manifest.required if self._insists_on(part)]

    def _insists_on(self, child: Descriptor) -> bool:
        platform = child.extra.get("platform")
        said = platform if isinstance(platform, dict) else {}
        return self.platforms == "list" and (said.get("os"), said.get("architecture")) in self.listed

    def _allows(self, url: str) -> bool:
        if not (self.allow or self.deny):
            return True
        named = url.startswith(("http://", "https://")) and "#" not in url
        wanted = not self.allow or any(re.search(form, url) for form in self.allow)
        return named and wanted and not any(re.search(form, url) for form in self.deny)

"""The platforms that an event names, where its registry says them: distribution with its references, and JFrog."""

import json
from typing import Any


def platforms_of(raw: bytes | None) -> frozenset[str] | None:
    """`os/architecture[/variant]` of each platform in an event's own bytes; None where it says nothing of them."""
    if raw is None or b'"platform' not in raw:
        return None
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    references = _at(event, "target", "references")
    said = [_at(one, "platform") for one in references] if isinstance(references, list) else []
    listed = _at(event, "data", "platforms")
    said += listed if isinstance(listed, list) else []
    return frozenset(name for name in map(_name, said) if name) or None


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _name(platform: Any) -> str | None:
    """`unknown/unknown` is what builders call an attestation."""
    parts = [_at(platform, key) for key in ("os", "architecture", "variant")]
    said = [part for part in parts if isinstance(part, str) and part]
    return "/".join(said) if len(said) >= 2 and said[0] != "unknown" else None

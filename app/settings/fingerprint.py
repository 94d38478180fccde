"""Which configuration is in force, told without its secrets: these are references in it."""

import hashlib
from pathlib import Path

from app.settings.load import Settings


def fingerprint(settings: Settings) -> dict[str, object]:
    """SHA-256 of the configuration's file and of each file of `origins.d`, and the version of each rule."""
    return {
        "config": _sha256(settings.config) if settings.config else None,
        "origins": {path.stem: _sha256(path) for path in sorted(settings.origins.folder.glob("*.yml"))},
        "rules": {rule.name: rule.version for rule in settings.rules},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

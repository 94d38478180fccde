"""Secrets by reference: `${env:NAME}` and `${file:PATH}` inside a configured text."""

import os
import re
from pathlib import Path

_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


def has_reference(text: str) -> bool:
    return _REFERENCE.search(text) is not None


def files_in(text: str, folder: Path) -> list[Path]:
    """The files that references in `text` name."""
    return [folder / match[2].strip() for match in _REFERENCE.finditer(text) if match[1] == "file"]


def resolve(text: str, folder: Path) -> str:
    """`text` with its references replaced; a relative file is sought in `folder`.

    Raises ValueError that names the reference, never what it holds.
    """
    return _REFERENCE.sub(lambda match: _value(match[1], match[2].strip(), folder), text)


def _value(kind: str, name: str, folder: Path) -> str:
    if kind == "env":
        value = os.environ.get(name)
        if not value:
            raise ValueError(f"the environment variable {name} is not set")
        return value
    try:
        value = (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"the file {name} can't be read: {reason}") from None
    if not value:
        raise ValueError(f"the file {name} is empty")
    return value

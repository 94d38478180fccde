"""The words and addresses of senders, in the form that reports have."""

import re
from urllib.parse import urlsplit

_NO_WORD = re.compile(r"[^a-z0-9]+")


def word(text: str) -> str:
    """What a sender calls something, as one lower-case word: `Image Scan` and `IMAGE_SCAN` become `image-scan`."""
    return _NO_WORD.sub("-", text.lower()).strip("-")


def host_of(url: str | None) -> str | None:
    """Host and port of a URL as it has them, without a user; None where there is none."""
    try:
        return urlsplit(url or "").netloc.rpartition("@")[2] or None
    except ValueError:
        return None

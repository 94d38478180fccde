"""One id from a push to the last message about it."""

import hashlib


def trace_id(origin: str, event_id: str) -> str:
    """32 hex digits, as W3C Trace Context has them, of the event that a change comes from."""
    return hashlib.sha256(f"{len(origin)}:{origin}{event_id}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

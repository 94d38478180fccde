"""Ids of messages."""

import uuid


def new_id() -> str:
    """What the receiver sees as `webhook-id`: the same over all attempts."""
    return f"msg_{uuid.uuid4().hex}"

"""Who runs this process."""

import os
import pwd


def operator() -> str:
    """Who types or starts this, for the log of actions: `os:` and the system's user, whatever the environment says."""
    try:
        return f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container's user may have no name
        return f"os:{os.getuid()}"

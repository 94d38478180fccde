"""What a group of processes needs before it starts: the folder for itself, and a free address."""

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from app.settings import ConfigurationError

PYTHON = (sys.executable, "-P", "-m")
"""Runs our own modules, whatever packages the current folder has."""


@contextlib.contextmanager
def hold(data: Path) -> Iterator[None]:
    """Be alone on the folder: two systems on the same files would spoil them. Raises ConfigurationError."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(f"another tagtrail up runs on {data}; end it, or choose another --data") from None
    else:
        yield
    finally:
        os.close(descriptor)


def check_free(host: str, port: int, hint: str) -> None:
    """Raises ConfigurationError, with what could be done, if nobody can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"can't listen on {host}:{port}: {error.strerror}; {hint}") from None

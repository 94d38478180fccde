"""How far something long has come, on stderr."""

import sys
import time
from dataclasses import dataclass, field

import click

ON_A_TERMINAL_S, ELSEWHERE_S = 0.1, 10.0


@dataclass
class Progress:
    """Called with what is counted, how much of it is done, and of how much. A terminal sees one line that changes."""

    _told_at: float = field(default_factory=time.monotonic)
    _open: bool = False

    def __call__(self, what: str, done: int, of: int) -> None:
        terminal = sys.stderr.isatty()
        if time.monotonic() - self._told_at < (ON_A_TERMINAL_S if terminal else ELSEWHERE_S):
            return
        self._told_at, self._open = time.monotonic(), terminal
        start = "\r\x1b[K" if terminal else ""
        click.echo(f"{start}{what}: {done} of {of}", nl=not terminal, err=True)

    def close(self) -> None:
        """Leave the line to what comes next."""
        if self._open:
            click.echo("\r\x1b[K", nl=False, err=True)

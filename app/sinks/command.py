"""A program that the configuration names, run with values of the change as whole arguments or variables.

No shell reads them, and no value takes the place of an option: one that begins with `-` ends the delivery. The
program is run in `/`, without input, with no environment but the configured one, in a process group of its own that is
killed when the time is up or the program has ended, whatever it has left running. The values are kept with the
delivery; program and arguments are the configuration's at the time of the attempt. A crash between its end and our note
of it runs it again: TAGTRAIL_DELIVERY, the delivery's id, lets it know.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, cast

from app.domain.fields import fields
from app.domain.told import Told
from app.settings.clusters import place
from app.settings.templates import RenderError
from app.sinks.attempt import hidden_in, nothing_sent
from app.sinks.sink import Message, Outcome

_KEPT = 16 * 1024
"""Bytes of output that are kept in memory; what comes after them is read and dropped."""
_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class Command:
    """`secrets` are variables too, of which nothing is kept or shown."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    timeout_s: float

    @property
    def longest_s(self) -> float:
        return self.timeout_s + _LAST_WORDS_S

    def render(self, told: Sequence[Told]) -> Message:
        """Raise RenderError for a value that no program can be given."""
        values = fields(told)
        used = sorted({name for text in (*self.command, *self.environment.values()) if (name := place(text))})
        given = {name: values[name] or "" for name in used}
        for name, value in given.items():
            if "\0" in value or not value.isprintable():
                raise RenderError(f"{name} holds a control character: {value[:80]!r}")
            if value.startswith("-") and any(place(text) == name for text in self.command):
                raise RenderError(f"{name} begins with '-', an option to the program: {value[:80]!r}")
        return Message("application/json", json.dumps(given, separators=(",", ":")).encode())

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (no signature, no time)
        command, environment = self._filled(json.loads(message.body))
        started = time.monotonic_ns()
        try:
            process = subprocess.Popen(
                command,
                env={**environment, **self.secrets, "TAGTRAIL_DELIVERY": message_id},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError, KeyError) as error:
            return nothing_sent(f"{command[0]} can't be run: {_reason(error)}", permanent=False)
        output, code = _watched(process, self.timeout_s)
        detail = f"no end within {self.timeout_s:g} s, killed" if code is None else f"exit code {code}"
        answer = hidden_in(bytes(output), self.secrets.values(), truncated=len(output) == _KEPT)
        return Outcome(None, detail, answer, False, code == 0, None, time.monotonic_ns() - started)

    def shown(self, message: Message) -> str:
        command, environment = self._filled(json.loads(message.body))
        shown = environment | dict.fromkeys(self.secrets, "(secret)")
        return "\n".join([json.dumps(command), *(f"{name}={value}" for name, value in shown.items())])

    def _filled(self, values: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment. A field that was not kept is empty: the configuration has changed since."""
        command = [_fill(text, values) for text in self.command]
        return command, {name: _fill(text, values) for name, text in self.environment.items()}


def _fill(text: str, values: Mapping[str, str]) -> str:
    name = place(text)
    return text if name is None else values.get(name, "")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _watched(process: "subprocess.Popen[bytes]", timeout_s: float) -> tuple[bytearray, int | None]:
    """The first of the output, and the exit code; None if it had to be killed."""
    output = bytearray()
    stream = cast("IO[bytes]", process.stdout)
    reading = threading.Thread(target=_read, args=(stream, output), daemon=True)
    reading.start()
    try:
        code: int | None = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        code = None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reading.join(_LAST_WORDS_S)
    stream.close()
    return output, code


def _read(stream: IO[bytes], output: bytearray) -> None:
    with contextlib.suppress(ValueError, OSError):
        while chunk := stream.read1(4096):  # type: ignore[attr-defined]
            output += chunk[: _KEPT - len(output)]

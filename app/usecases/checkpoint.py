"""Signs how far the chain has come, and leaves that where whoever can write to the database can't."""

import os
from dataclasses import dataclass
from pathlib import Path

from app.domain.chain import GENESIS
from app.domain.checkpoints import Checkpoint, SigningKey
from app.domain.errors import TagtrailError
from app.outbound import Call, Door, Url
from app.store import head
from app.store.engine import Engine, now_ns, reading


class NothingToSignError(TagtrailError):
    def __init__(self) -> None:
        super().__init__("nothing has been written down yet that could be signed")


class ExportError(TagtrailError):
    """A checkpoint could not be left everywhere it should go."""


def sign(engine: Engine, key: SigningKey) -> Checkpoint:
    """The chain as it is now. Raises NothingToSignError."""
    with reading(engine) as connection:
        now = head.now(connection)
        if now.chain == GENESIS:
            raise NothingToSignError
        return key.sign(now.seq, now.chain, now_ns(connection))


@dataclass(frozen=True, slots=True)
class Export:
    """Where checkpoints go: lines appended to `file`, POSTed one by one to `url`; either may be None."""

    key: SigningKey
    every_ns: int
    file: Path | None
    url: Url | None

    def once(self, engine: Engine) -> None:
        """Leave one at each place; raises ExportError after all were tried. Nothing to sign is no error."""
        try:
            line = sign(engine, self.key).line
        except NothingToSignError:
            return
        failures = [failure for failure in (self._to_file(line), self._to_url(line)) if failure]
        if failures:
            raise ExportError("; ".join(failures))

    def _to_file(self, line: str) -> str | None:
        try:
            if self.file is not None:
                append(self.file, line)
        except OSError as error:
            return f"{self.file}: {error.strerror}"
        return None

    def _to_url(self, line: str) -> str | None:
        if self.url is None:
            return None
        call = Call("POST", self.url, {"Content-Type": "application/json"}, line.encode())
        try:
            with Door() as door:
                answer = door.send(call)
        except TagtrailError as error:
            return f"{self.url.shown}: {error}"
        return None if 200 <= answer.status < 300 else f"{self.url.shown}: answered {answer.status}"


def append(path: Path, line: str) -> None:
    """Add a line to a file that only ever grows; it is on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())

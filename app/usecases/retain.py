"""Takes events that no history needs out of the database, into files, and puts them back (issue 3, item 7).

Only what reaches no tag is ever taken (pulls, mounts, blobs, pushes by digest), and nothing that a promise needs. A
cut is written down and signed in the transaction that makes it, and the links of its rows stay, so that the chain goes
on.

    DATA/archive/events-FIRST-LAST.jsonl.gz     a row a line, a JSON object of its columns
"""

import gzip
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.checkpoints import SigningKey
from app.domain.cuts import CUT, RESTORED, Cut, Runs
from app.domain.errors import TagtrailError
from app.store import actions, head, retention
from app.store.actions import Action
from app.store.engine import Connection, Engine, alone, now_ns, reading, writing
from app.store.retention import Due

MOST_AT_ONCE = 10_000
PUT_BACK_STAYS_NS = 7 * 86_400 * 1_000_000_000
"""What was put back is there to be looked at for a week."""


class ArchiveError(TagtrailError):
    """A file that can't be put back."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long events of each action stay, in nanoseconds since they happened and came; where they go; who signs."""

    spans: Mapping[str, int]
    folder: Path
    key: SigningKey


def due(engine: Engine, keeping: Keeping) -> int:
    """How many rows the next cuts would take."""
    with reading(engine) as connection:
        return sum(retention.count(connection, one) for one in _all_due(connection, keeping))


def cut(engine: Engine, keeping: Keeping, actor: str) -> list[Cut]:
    """Take out all that has stayed long enough by now, a file at a time.

    One at a time writes into a folder: two that took the same rows, but for one, would write another file of the same
    name. Who cuts from another machine, into another folder, meets rows that went away. Raises UnavailableError,
    OSError, ArchiveError: nothing is lost.
    """
    keeping.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(keeping.folder / ".turn"):
        with reading(engine) as connection:
            all_due = _all_due(connection, keeping)
        made: list[Cut] = []
        for one in all_due:
            while (taken := _cut_once(engine, keeping, one, actor)) is not None:
                made.append(taken)
    return made


def _all_due(connection: Connection, keeping: Keeping) -> list[Due]:
    now, put_back = now_ns(connection), _put_back(connection)
    return [Due(action, now - span, put_back) for action, span in sorted(keeping.spans.items())]


def _cut_once(engine: Engine, keeping: Keeping, due: Due, actor: str) -> Cut | None:
    with reading(engine) as connection:
        rows = retention.oldest(connection, due, MOST_AT_ONCE)
        since_ns = max(due.before_ns, retention.kept_since(connection, due.action) or 0)
    if not rows:
        return None
    name = f"events-{min(rows)}-{max(rows)}.jsonl.gz"
    digest = _write(keeping.folder / name, [rows[seq] for seq in sorted(rows)])
    made = Cut(due.action, since_ns, Runs.of(rows), name, digest).signed(keeping.key)
    with writing(engine) as connection:
        head.lock(connection)  # nobody promises anything meanwhile
        if retention.take_out(connection, due.action, rows) != len(rows):
            raise ArchiveError("some of the events are needed again, or went away; nothing was cut")
        actions.add(connection, Action(actor, CUT, name, made.detail))
    return made


def _put_back(connection: Connection) -> Runs:
    return retention.put_back_since(connection, now_ns(connection) - PUT_BACK_STAYS_NS)


def _write(place: Path, lines: list[bytes]) -> str:
    """The file, whole and on disk before a row goes; the SHA-256 of its bytes, in hex."""
    content = gzip.compress(b"".join(lines), mtime=0)
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
    return hashlib.sha256(content).hexdigest()


def put_back(engine: Engine, file: Path, actor: str) -> int:
    """Put the rows of an archive back where they were; how many. Each has to be what its link was made of.

    Starts nothing (decision 9). Raises ArchiveError, and nothing was put back.
    """
    try:
        with gzip.open(file) as lines:
            rows = [retention.read(line) for line in lines]
    except (OSError, EOFError, ValueError) as error:
        raise ArchiveError(f"{file} is damaged, or no archive: {error}") from None
    with writing(engine) as connection:
        strange = retention.strangers(connection, rows)
        if strange:
            raise ArchiveError(f"{file}: event {strange[0]} is not what was cut here; nothing was put back")
        missing = retention.missing(connection, rows)
        if missing:
            retention.put(connection, missing)
            seqs = Runs.of(row["seq"] for row in missing)
            actions.add(connection, Action(actor, RESTORED, file.name, {"seqs": str(seqs), "rows": len(seqs)}))
    return len(missing)

"""Everything Tagtrail knows in one file, and back from it.

    tagtrail.json                 what is in here: format, version, revision, and of each table columns, rows and sha256
    audit/TABLE.jsonl             the rows of the audit log's database
    journal/TABLE.jsonl           those of the journal
    files/…                       origins and their secrets, keys, checkpoints: what else DATA holds

The file is a gzipped tar. It has every secret in it, so only its owner may read it. Blobs of our own registry are not
in it: its folder is copied like any other.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from app.domain.errors import TagtrailError
from app.domain.times import rfc3339
from app.store import dump, migrate
from app.store.dump import Shape
from app.store.engine import Engine, reading, snapshot, writing
from app.store.presence import has_tables

FORMAT = 1
CONTENTS = "tagtrail.json"
AUDIT, JOURNAL = "audit", "journal"
LEFT_OUT = ("registry", "valkey", "locks", "address", "up.lock")
"""Of DATA: what a start makes anew, and what is not ours to pack."""
_LEFT_OUT_ENDINGS = (".db", ".db-wal", ".db-shm", "-writer", ".turn", ".lock")

Progress = Callable[[str, int], None]
"""Hears the name of a part, and how many rows of it are done."""
EVERY = 10_000


class BackupError(TagtrailError):
    """A file that is no backup of ours, is damaged, or can't be put where it was told to go."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """How a table's lines are to be read, and how to know that they are all there."""

    columns: tuple[str, ...]
    binary: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The first member of the file."""

    made: str
    revision: str
    tables: dict[str, dict[str, TableSum]] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(one.rows for tables in self.tables.values() for one in tables.values())


def backup(databases: Mapping[str, Engine], data: Path, target: Path, now_ns: int, progress: Progress) -> Contents:
    """Write all of `databases` (by AUDIT and JOURNAL) and of `data` to `target`, whole or not at all.

    Each database is read as of one moment, while it is in use. Raises BackupError, UnavailableError.
    """
    if target.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"{data} is what is packed; choose a place outside of it")
    contents = Contents(rfc3339(now_ns), _revision(databases))
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tagtrail-") as folder:
            for name, engine in databases.items():
                contents.tables[name] = _write_tables(engine, name, Path(folder), progress)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                _pack(file, contents, Path(folder), data)
                file.flush()
                os.fsync(file.fileno())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return contents


def _revision(databases: Mapping[str, Engine]) -> str:
    """The one revision of all; a backup of another would not fit the tables that this version knows."""
    for name, engine in databases.items():
        found, newest = migrate.revisions(engine)
        if found != newest:
            raise BackupError(f"the {name} database is at revision {found}, not {newest}; first: tagtrail migrate")
    return str(newest)


def _write_tables(engine: Engine, name: str, folder: Path, progress: Progress) -> dict[str, TableSum]:
    with snapshot(engine) as connection:
        return {
            shape.name: _write(dump.lines(connection, shape), shape, folder / f"{name}-{shape.name}", progress)
            for shape in dump.shapes()
        }


def _write(lines: Iterator[bytes], shape: Shape, place: Path, progress: Progress) -> TableSum:
    digest, rows = hashlib.sha256(), 0
    with place.open("wb") as file:
        for rows, line in enumerate(_counted(lines, digest.update, shape, progress), 1):  # noqa: B007 - the count
            file.write(line)
    return TableSum(shape.columns, shape.binary, rows, digest.hexdigest())


def _pack(file: IO[bytes], contents: Contents, folder: Path, data: Path) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6, dereference=True) as tar:
        text = json.dumps(asdict(contents), indent=1).encode()
        member = tarfile.TarInfo(CONTENTS)
        member.size, member.mode = len(text), 0o600
        tar.addfile(member, io.BytesIO(text))
        for name, tables in contents.tables.items():
            for table in tables:
                tar.add(folder / f"{name}-{table}", f"{name}/{table}.jsonl")
        for path in _files(data):
            tar.add(path, f"files/{path.relative_to(data)}", recursive=False)


def _files(data: Path) -> list[Path]:
    return [
        path
        for child in sorted(data.iterdir())
        if child.name not in LEFT_OUT and not child.name.endswith(_LEFT_OUT_ENDINGS)
        for path in ([child] if child.is_file() else sorted(child.rglob("*")))
        if path.is_file() and not path.name.startswith(".")  # half-written, until it gets its name
    ]


def restore(source: Path, databases: Mapping[str, Engine], data: Path, progress: Progress) -> Contents:
    """Put a backup into empty databases and into `data`, which may have none of its files; then bring it up to date.

    What is damaged is put nowhere: all of it is read once before. Each database is one transaction: a restore that was
    stopped in the first can be begun again, one that was stopped later after dropping those that are whole. Raises
    BackupError, UnavailableError.
    """
    _refuse_used(databases)
    try:
        with tarfile.open(source, "r:gz") as tar:
            _check(tar, data)
        with tarfile.open(source, "r:gz") as tar:
            contents = _contents(tar)
            for name, tables in contents.tables.items():
                migrate.renew(databases[name], contents.revision)
                _restore_tables(tar, databases[name], name, tables, progress)
            _restore_files(tar, data)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source} is damaged, or no backup: {error}") from error
    for engine in databases.values():
        dump.count_on(engine)
        migrate.upgrade(engine)
    return contents


def _refuse_used(databases: Mapping[str, Engine]) -> None:
    for name, engine in databases.items():
        with reading(engine) as connection:
            if has_tables(connection) and dump.holds_anything(connection):
                raise BackupError(
                    f"the {name} database is in use; name an empty one: another --data or DATABASE_URL. If a restore "
                    "was stopped between the databases, drop this one first"
                )


def _check(tar: tarfile.TarFile, data: Path) -> None:
    for name, tables in _contents(tar).tables.items():
        for table, wanted in tables.items():
            digest = hashlib.sha256()
            for line in _next(tar, f"{name}/{table}.jsonl"):
                digest.update(line)
            if digest.hexdigest() != wanted.sha256:
                raise BackupError(f"{name}/{table} is not what was packed; nothing was restored")
    while member := tar.next():
        if (place := data / _inside(member)).exists():
            raise BackupError(f"{place} is there already; restore into an empty folder")


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    """Where in DATA a file goes."""
    inside = PurePosixPath(member.name).relative_to("files")
    if not member.isfile() or ".." in inside.parts:
        raise BackupError(f"{member.name} does not belong into a backup")
    return inside


def _contents(tar: tarfile.TarFile) -> Contents:
    found = json.load(_next(tar, CONTENTS))
    if found["format"] != FORMAT:
        raise BackupError(f"a backup of format {found['format']}; this version reads {FORMAT}")
    if not migrate.is_known(found["revision"]):
        raise BackupError(f"its revision {found['revision']} is newer than this version of Tagtrail; update it")
    tables = {
        name: {table: TableSum(**one) for table, one in tables.items()} for name, tables in found["tables"].items()
    }
    return Contents(found["made"], found["revision"], tables)


def _next(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """The member that comes next, which must be `name`: a gzipped file is read from start to end."""
    member = tar.next()
    file = tar.extractfile(member) if member is not None and member.name == name else None
    if file is None:
        raise BackupError(f"{name} is missing")
    return file


def _restore_tables(
    tar: tarfile.TarFile, engine: Engine, name: str, tables: Mapping[str, TableSum], progress: Progress
) -> None:
    with writing(engine) as connection:
        for table, wanted in tables.items():
            shape = Shape(table, tuple(wanted.columns), tuple(wanted.binary))
            digest = hashlib.sha256()
            dump.clear(connection, shape)
            lines = _counted(_next(tar, f"{name}/{table}.jsonl"), digest.update, shape, progress)
            if (dump.put(connection, shape, lines), digest.hexdigest()) != (wanted.rows, wanted.sha256):
                raise BackupError(f"{name}/{table} is not what was packed; nothing of the {name} database was restored")


def _counted(
    lines: Iterable[bytes], hear: Callable[[bytes], None], shape: Shape, progress: Progress
) -> Iterator[bytes]:
    """The lines, each heard as it passes, with progress."""
    rows = 0
    for rows, line in enumerate(lines, 1):
        hear(line)
        yield line
        if rows % EVERY == 0:
            progress(shape.name, rows)
    progress(shape.name, rows)


def _restore_files(tar: tarfile.TarFile, data: Path) -> None:
    while member := tar.next():
        place, file = data / _inside(member), tar.extractfile(member)
        if file is None:
            continue
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            shutil.copyfileobj(file, target)

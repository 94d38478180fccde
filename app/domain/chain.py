"""One chain over all that was ever written down, in the order of `seq`: the canonical form of a row, and its link.

A row's form is a head line and a line for each column, in the order of COLUMNS; every text is UTF-8:

    tagtrail FORM KIND
    NAME n                      NULL
    NAME i NUMBER               an integer, in decimal
    NAME s LENGTH TEXT          a text, with its length in bytes
    NAME b LENGTH SHA256        bytes, with their length and SHA-256 in hex

`digest` is the SHA-256 of all of it. `marks` has two bytes for each line of a column (the low half of its CRC-32, high
byte first): they prove nothing, but say which column differs once the digest says that one does. The chain after a row
is the SHA-256 of

    tagtrail link
    SEQ KIND FORM DIGEST MARKS  (hex)
    CHAIN                       of the link before, in hex; 64 zeros where there is none
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = bytes(32)
EVENT, ACTION = "event", "action"
FORM = 1
"""What new rows are written in. A form never changes; one that covers other columns gets the next number."""
COLUMNS: Mapping[tuple[str, int], tuple[str, ...]] = {
    (EVENT, 1): (
        "seq", "origin", "event_id", "action", "scope", "registry", "repository", "tag", "digest", "media_type", "size",
        "from_repository", "actor", "time_ns", "received_ns", "sequence", "host", "request_id", "request_addr",
        "request_method", "user_agent", "source_addr", "source_instance", "flags", "raw",
    ),
    (ACTION, 1): ("seq", "time_ns", "actor", "verb", "subject", "detail"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """What binds the row `seq` (an event or an action) to all rows before it; it outlives the row."""

    seq: int
    kind: str
    form: int
    digest: bytes
    marks: bytes
    chain: bytes


def link(before: bytes, kind: str, row: Mapping[str, Any]) -> Link:
    """The link of a new row behind the chain `before`."""
    digest, marks = seal(kind, FORM, row)
    return Link(row["seq"], kind, FORM, digest, marks, chained(before, (row["seq"], kind, FORM), digest, marks))


def chained(before: bytes, place: tuple[int, str, int], digest: bytes, marks: bytes) -> bytes:
    """The chain after a row. `place`: its seq, kind and form."""
    seq, kind, form = place
    text = f"tagtrail link\n{seq} {kind} {form} {digest.hex()} {marks.hex()}\n{before.hex()}\n"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def seal(kind: str, form: int, row: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """(digest, marks) of a row. KeyError for a form that this version doesn't know."""
    lines = [_line(name, row[name]) for name in COLUMNS[kind, form]]
    digest = hashlib.sha256(f"tagtrail {form} {kind}\n".encode() + b"".join(lines)).digest()
    return digest, struct.pack(f">{len(lines)}H", *[zlib.crc32(line) & 0xFFFF for line in lines])


def _line(name: str, value: Any) -> bytes:
    """Other types can't be written by us; one that somebody put into SQLite gets a form that no row of ours has."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"%b s %d %b\n" % (name.encode(), len(text), text)
    if value is None:
        return b"%b n\n" % name.encode()
    if isinstance(value, int):
        return b"%b i %d\n" % (name.encode(), value)
    if isinstance(value, bytes):
        return f"{name} b {len(value)} {hashlib.sha256(value).hexdigest()}\n".encode()
    return f"{name} ? {value!r}\n".encode()


def differing(link: Link, row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns in which `row` isn't what `link` was made of; None if it is. Empty: one does, and none shows."""
    names = COLUMNS.get((link.kind, link.form))
    if names is None:
        return ()
    digest, marks = seal(link.kind, link.form, row)
    if digest == link.digest:
        return None
    return tuple(
        name for at, name in enumerate(names) if marks[2 * at : 2 * at + 2] != link.marks[2 * at : 2 * at + 2]
    )

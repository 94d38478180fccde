"""Finds the first row that isn't what it was when it was written down (issue 3, 6)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.chain import ACTION, EVENT, GENESIS, Link, chained, differing
from app.domain.checkpoints import Checkpoint, PublicKey
from app.domain.cuts import Runs, taken_out
from app.domain.errors import TagtrailError
from app.store import head, links, odd, repositories, retention
from app.store.engine import Connection, Engine, snapshot
from app.store.head import Head
from app.usecases.compare import Finding, compare

BATCH = 2000

Progress = Callable[[str, int, int], None]
"""Told now and then: what is counted, how much of it is done, and of how much."""


class NoSuchLinkError(TagtrailError):
    def __init__(self, seq: int, first: int, last: int) -> None:
        super().__init__(f"there is no link {seq} to begin behind; the chain goes from {first} to {last}")
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Verdict:
    """`first` and `last`: the seqs between which the chain was walked; `before`: rows older than the chain."""

    first: int
    last: int
    chain: str
    before: int
    repositories: int
    checkpoints: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """What was signed, and whose signatures count for what retention took out."""

    checkpoints: Sequence[Checkpoint] = ()
    keys: Sequence[PublicKey] = ()


NOTHING_SIGNED = Trust()


def verify(
    engine: Engine, progress: Progress, since_seq: int | None = None, trust: Trust = NOTHING_SIGNED
) -> Verdict:
    """Walk the chain behind `since_seq` (None: all of it), then fold history again and compare.

    With `since_seq` the link there is taken for true, and only repositories of which something was told later are
    compared. History is not compared where the chain is broken: events that were altered prove nothing of it.
    """
    with snapshot(engine) as connection, odd.any_text(connection):
        unreadable = [*_first(_unreadable(connection))]
        if unreadable:
            return Verdict(0, 0, "", 0, 0, 0, tuple(unreadable))
        until = head.now(connection)
        begin = _begin(connection, until, since_seq)
        older = links.rows_before(connection, begin.seq + 1) if since_seq is None else {}
        findings = [
            *_first(_walk(connection, begin, until, (taken_out(retention.log(connection), trust.keys), progress))),
            *_first(_contradicted(connection, trust.checkpoints)),
        ]
        if begin.seq == 0:
            findings += [Finding(table, "before 1", "added") for table, count in older.items() if count]
        names = [] if findings else _repositories(connection, since_seq)
        findings += _first(_history(connection, names, progress))
    counts = (sum(older.values()), len(names), len(trust.checkpoints))
    return Verdict(begin.seq + 1, until.seq, until.chain.hex(), *counts, tuple(findings))


def _unreadable(connection: Connection) -> Iterator[Finding]:
    """What nothing can be compared with."""
    for row in odd.rows(connection):
        yield Finding(row.table, "/".join(row.key), "changed", row.columns)
    if not head.is_there(connection):
        yield Finding("head", "1", "removed")


def _repositories(connection: Connection, since_seq: int | None) -> list[tuple[str, str]]:
    if since_seq is None:
        return repositories.all_names(connection)
    return repositories.touched_after(connection, since_seq)


def _first(findings: Iterator[Finding]) -> list[Finding]:
    return [finding for finding, _ in zip(findings, range(1), strict=False)]


def _begin(connection: Connection, until: Head, since_seq: int | None) -> Head:
    """What is taken for true before the first link that is checked."""
    first = links.first(connection)
    begun_at = until.seq if first is None else max(0, first.seq - 1)
    if since_seq is None or since_seq == begun_at:
        return Head(begun_at, GENESIS)
    found = links.get(connection, since_seq)
    if found is None:
        raise NoSuchLinkError(since_seq, begun_at + 1, until.seq)
    return Head(since_seq, found.chain)


def _walk(connection: Connection, begin: Head, until: Head, how: tuple[Runs, Progress]) -> Iterator[Finding]:
    """Findings in the order of seq; only the first one is sure to be where something was done."""
    gone, progress = how
    ends = links.ends(connection)
    yield from _before_all(connection)
    chain = begin.chain
    for low in range(begin.seq, until.seq, BATCH):
        high = min(low + BATCH, until.seq)
        found = links.between(connection, low, high)
        rows = {kind: links.rows_between(connection, kind, low, high) for kind in (EVENT, ACTION)}
        for seq in range(low + 1, high + 1):
            link = found.get(seq)
            yield from _unlinked(seq, rows, ends) if link is None else _checked(link, rows, (chain, gone))
            chain = link.chain if link else chain
        progress("links", high - begin.seq, until.seq - begin.seq)
    yield from _behind(until, ends)
    if chain != until.chain:
        yield Finding("head", "1", "changed", ("chain",))


Rows = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""By kind and seq."""


def _unlinked(seq: int, rows: Rows, ends: dict[str, int]) -> Iterator[Finding]:
    """Every seq has a link. One that is missing was removed; behind the last link, it is the row that was added."""
    added = [kind for kind in rows if seq in rows[kind]]
    if added and seq > ends["links"]:
        yield Finding(links.TABLE_NAMES[added[0]], str(seq), "added")
    else:
        yield Finding("links", str(seq), "removed")


def _checked(link: Link, rows: Rows, known: tuple[bytes, Runs]) -> Iterator[Finding]:
    """The link itself, then the row that it binds, unless a signed cut took that out. `known`: chain before, cuts."""
    (chain, gone), key = known, str(link.seq)
    if link.kind not in rows or link.chain != chained(
        chain, (link.seq, link.kind, link.form), link.digest, link.marks
    ):
        yield Finding("links", key, "changed")
        return
    for kind in rows.keys() - {link.kind}:
        if link.seq in rows[kind]:
            yield Finding(links.TABLE_NAMES[kind], key, "added")
    row = rows[link.kind].get(link.seq)
    columns = differing(link, row) if row else None
    if row is None and not (link.kind == EVENT and link.seq in gone):
        yield Finding(links.TABLE_NAMES[link.kind], key, "removed")
    elif columns is not None:
        yield Finding(links.TABLE_NAMES[link.kind], key, "changed", columns)


def _before_all(connection: Connection) -> Iterator[Finding]:
    """The first seq that is ever given out is 1."""
    first = links.first(connection)
    if first is not None and first.seq < 1:
        yield Finding("links", str(first.seq), "added")


def _behind(until: Head, ends: dict[str, int]) -> Iterator[Finding]:
    """Nothing may stand behind the head."""
    if ends["links"] > until.seq:
        yield Finding("head", "1", "changed", ("seq",))
    for table, seq in ends.items():
        if seq > until.seq:
            yield Finding(table, str(seq), "added")


def _contradicted(connection: Connection, checkpoints: Sequence[Checkpoint]) -> Iterator[Finding]:
    """What the chain was when it was signed, it still has to be."""
    for checkpoint in checkpoints:
        found = links.get(connection, checkpoint.seq)
        if found is None:
            yield Finding("links", str(checkpoint.seq), "removed")
        elif found.chain != checkpoint.chain:
            yield Finding("links", str(checkpoint.seq), "changed", ("chain",))


def _history(connection: Connection, names: Sequence[tuple[str, str]], progress: Progress) -> Iterator[Finding]:
    for done, (registry, repository) in enumerate(names, 1):
        try:
            yield from compare(connection, registry, repository).findings
        except (TypeError, ValueError):  # an event that no link binds, or that was taken for true
            yield Finding("events", f"of {registry}/{repository}", "changed")
        progress("repositories", done, len(names))

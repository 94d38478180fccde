"""History told a second time, for the property test only: a plain walk over all events, slow and obvious.

It imports no value but dataclasses of its own; it shares no code with what it checks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """An event as the reference sees it. `what`: set, drop (a tag), kill (a digest), wipe (the repository).

    `known`: observed, or resolved or reconciled where Tagtrail itself asked; these only set and drop.
    """

    time: int
    sequence: int
    id: str
    origin: str
    repository: str
    what: str
    tag: str = ""
    digest: str = ""
    known: str = "observed"


@dataclass(frozen=True)
class Line:
    repository: str
    tag: str
    kind: str
    before: str
    after: str
    event: str
    provenance: str


def history(events: set[Told]) -> tuple[list[Line], dict[tuple[str, str], tuple[str, bool]]]:
    """All lines in order, and for each tag that has one what it points to ("absent" for a tombstone) and ambiguity."""
    lines: list[Line] = []
    wiped: set[str] = set()
    now: dict[tuple[str, str], str] = {}
    for event in sorted(events, key=lambda e: (e.time, e.sequence, e.id, e.origin)):
        repository = event.repository
        if event.what == "wipe":
            wiped.add(repository)
        for tag in sorted({e.tag for e in events if e.repository == repository and e.tag}):
            key = (repository, tag)
            points = now.get(key, "absent" if repository in wiped and event.what != "wipe" else "unknown")
            existed = any((line.repository, line.tag) == key for line in lines)
            if event.what == "set" and event.tag == tag and points != event.digest:
                kind = "created" if not existed else "restored" if points == "absent" else "moved"
                lines.append(Line(repository, tag, kind, points, event.digest, event.id, event.known))
                now[key] = event.digest
            elif event.what == "drop" and event.tag == tag:
                if points != "absent":
                    lines.append(Line(repository, tag, "removed", points, "absent", event.id, event.known))
                    now[key] = "absent"
                elif event.known == "observed":
                    _confirm(lines, key)
            elif (event.what == "kill" and points == event.digest) or (
                event.what == "wipe" and points not in ("absent", "unknown")
            ):
                lines.append(Line(repository, tag, "removed", points, "absent", event.id, "derived"))
                now[key] = "absent"
    return lines, {key: (points, _ambiguous(events, lines, key)) for key, points in now.items()}


def _confirm(lines: list[Line], key: tuple[str, str]) -> None:
    mine = [index for index, line in enumerate(lines) if (line.repository, line.tag) == key]
    if mine and lines[mine[-1]].kind == "removed" and lines[mine[-1]].provenance == "derived":
        line = lines[mine[-1]]
        lines[mine[-1]] = Line(
            line.repository, line.tag, line.kind, line.before, line.after, line.event, "observed"
        )


def _ambiguous(events: set[Told], lines: list[Line], key: tuple[str, str]) -> bool:
    """Whether the last instant that told of the tag told of two digests, without a sequence to order them."""
    removals = {line.event for line in lines if (line.repository, line.tag) == key and line.kind == "removed"}
    about = [
        e for e in events
        if e.repository == key[0] and ((e.tag == key[1] and e.what in ("set", "drop")) or e.id in removals)
    ]
    last = max(e.time for e in about)
    return len({e.digest for e in about if e.time == last and e.what == "set" and e.sequence == 0}) > 1

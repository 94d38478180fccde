"""What operators do about events of our registry: send them again, or let parked ones be; written down with who did it.

The journal may be a database of its own. What is to be written down then stands in the other one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.errors import TagtrailError
from app.store import parked
from app.store.actions import Action
from app.store.engine import Engine, now_ns, reading, writing
from app.store.parked import Parked, Range, Replayed
from app.store.standings import standing
from app.usecases.note_action import note_action


class NoSuchEventError(TagtrailError):
    """An endpoint has no such event set aside."""

    def __init__(self, endpoint: str, seq: int) -> None:
        super().__init__(f"{endpoint} has no event {seq} set aside; `tagtrail journal parked list` lists them")


@dataclass(frozen=True, slots=True)
class Place:
    """The journal, the database with the log of actions, and who acts."""

    journal: Engine
    actions: Engine
    actor: str

    def note(self, verb: str, endpoint: str, **detail: object) -> None:
        note_action(self.actions, Action(self.actor, verb, endpoint, detail))


@dataclass(frozen=True, slots=True)
class Again:
    """What of the journal an endpoint is sent once more."""

    endpoint: str
    events: int
    first: int | None
    last: int | None


def replay(place: Place, endpoints: Sequence[str], since_ns: int, until_ns: int, *, dry_run: bool) -> list[Again]:
    """Let `endpoints` be sent once more what was within a time, as far as they have come."""
    found = []
    for endpoint in endpoints:
        with reading(place.journal) as connection:
            span = Replayed(since_ns, until_ns, standing(connection, endpoint).seq)
            range_ = parked.replayed(connection, span)
        if not dry_run and range_.events:
            _replay(place, endpoint, span, range_)
        found.append(Again(endpoint, range_.events, range_.first, range_.last))
    return found


def _replay(place: Place, endpoint: str, span: Replayed, range_: Range) -> None:
    place.note("journal.replay", endpoint, events=range_.events, first=range_.first, last=range_.last)
    with writing(place.journal) as connection:
        parked.replay(connection, endpoint, span, now_ns(connection))


def retry(place: Place, endpoint: str, seqs: Collection[int]) -> list[Parked]:
    """Let parked events be sent once more, all if no number is given. Raises NoSuchEventError."""
    found = _chosen(place, endpoint, seqs)
    place.note("journal.retry", endpoint, events=[one.seq for one in found])
    with writing(place.journal) as connection:
        parked.retry(connection, endpoint, [one.seq for one in found])
    return found


def drop(place: Place, endpoint: str, seqs: Collection[int], reason: str) -> list[Parked]:
    """Let events that are set aside be; they stay in the journal. Raises NoSuchEventError."""
    found = _chosen(place, endpoint, seqs)
    place.note("journal.drop", endpoint, events=[one.seq for one in found], reason=reason)
    with writing(place.journal) as connection:
        parked.remove(connection, endpoint, [one.seq for one in found])
    return found


def _chosen(place: Place, endpoint: str, seqs: Collection[int]) -> list[Parked]:
    with reading(place.journal) as connection:
        found = parked.listed(connection, endpoint, seqs)
    for seq in sorted(set(seqs) - {one.seq for one in found}):
        raise NoSuchEventError(endpoint, seq)
    return found

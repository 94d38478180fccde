"""What is known of each sender by what came from it: counts, when it spoke last, its clock, what it leaves out.

What is told of an origin is of all its repositories, so scopes don't reach here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.domain.events import BODY_ID, MADE_UP, TIME_IMPLAUSIBLE, TIME_MISSING
from app.store import heard
from app.store.origins import Tally, all_tallies
from app.store.queries.paging import AnyRow
from app.store.schema import events

LOOKED_AT = 200
"""How many of an origin's newest events are looked at."""
WHAT = "the origins"


@dataclass(frozen=True, slots=True)
class Newest:
    """What the newest events of an origin have in common; `events` is their number, at least one.

    `time_ns` and `received_ns` are those of the one that came last. `lag_ns`: the median of receipt − time; None where
    no event has a time of its own. `ahead_ns`: how far ahead of receipt its times run at most: then its clock or ours
    is wrong. `never`: what none of them gives, of `tag`, `digest`, `media_type`, `actor`, `host`, `id` and `time`.
    """

    events: int
    time_ns: int
    received_ns: int
    lag_ns: int | None
    ahead_ns: int
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OriginFacts:
    """Counts since ever; `gaps`: numbers of its journals that were never told.

    `heard_ns`: when anything came last, also what was ignored or quarantined; None: never. `newest` None: it has told
    of nothing that is stored. What `tagtrail origin doctor` made up counts nowhere.
    """

    origin: str
    events: int
    repeats: int
    ignored: int
    quarantined: int
    gaps: int
    heard_ns: int | None
    newest: Newest | None


def facts(connection: Connection, scope: AccessScope, names: Iterable[str]) -> tuple[OriginFacts, ...]:
    """Of each origin in `names`, in their order. Raises LimitedScopeError."""
    scope.require_everything(WHAT)
    tallies, gaps = all_tallies(connection), heard.gaps(connection)
    return tuple(
        _facts(name, tallies.get(name, Tally()), [gap for gap in gaps if gap.origin == name], _newest(connection, name))
        for name in names
    )


def _facts(name: str, tally: Tally, gaps: Sequence[heard.Span], found: Newest | None) -> OriginFacts:
    return OriginFacts(
        origin=name,
        events=tally.events,
        repeats=tally.repeats,
        ignored=tally.ignored,
        quarantined=tally.quarantined,
        gaps=sum(gap.upto - gap.after for gap in gaps),
        heard_ns=tally.last_received_ns or None,
        newest=found,
    )


_GIVEN = ("tag", "digest", "media_type", "actor", "host")
_COLUMNS = [events.c[name] for name in (*_GIVEN, "event_id", "seq", "time_ns", "received_ns", "flags")]


def _newest(connection: Connection, origin: str) -> Newest | None:
    """Looks at LOOKED_AT events."""
    query = (
        select(*_COLUMNS)
        .where(events.c.origin == origin, events.c.repository != MADE_UP)
        .order_by(events.c.time_ns.desc(), events.c.seq.desc())
        .limit(LOOKED_AT)
    )
    rows = sorted(connection.execute(query), key=lambda row: row.seq, reverse=True)
    if not rows:
        return None
    lags = [row.received_ns - row.time_ns for row in rows if _has_time(row)]
    return Newest(
        events=len(rows),
        time_ns=rows[0].time_ns,
        received_ns=rows[0].received_ns,
        lag_ns=median_low(lags) if lags else None,
        ahead_ns=max(0, *(-lag for lag in lags)) if lags else 0,
        never=tuple(_never(rows)),
    )


def _never(rows: Sequence[AnyRow]) -> Iterable[str]:
    yield from (name for name in _GIVEN if all(row._mapping[name] is None for row in rows))
    if all(row.event_id.startswith(BODY_ID) for row in rows):
        yield "id"
    if not any(_has_time(row) for row in rows):
        yield "time"


def _has_time(row: AnyRow) -> bool:
    return not {TIME_MISSING, TIME_IMPLAUSIBLE} & set((row.flags or "").split())

"""Walks a registry's tags and adds, as events of our own, what its events missed (DESIGN decision 7).

Nothing is deleted from history, and what could not be listed whole removes nothing: a tag is gone only if its
repository was listed without it and the tag itself answers 404.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from app.domain.asking import asking
from app.domain.changes import ABSENT, TagKey
from app.domain.errors import TagtrailError
from app.domain.events import Report
from app.domain.filters import Unheard, leaves_out
from app.domain.patterns import glob_matches
from app.domain.reconciling import FRESH_NS, Seen, Walked, difference, is_fresh, reconciled, record
from app.domain.times import SECOND_NS
from app.envelopes import Reading
from app.remote.client import RemoteRegistry
from app.remote.errors import RemoteError
from app.store import events, head, heard, tags
from app.store.actions import Action
from app.store.engine import Engine, reading, writing
from app.store.heard import Span
from app.usecases.ingest import Parcel, Policy, ingest
from app.usecases.note_action import note_action

AT_ONCE = 8
"""Questions to a registry at a time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of which registry is to be walked, for which origin. `write` False: only to say what differs.

    `closes_gaps`: the origin tells of no other registry, so nothing else can hide in a gap of its journals. What is
    `unheard` of the origin is not asked about: its next event would not be heard.
    """

    origin: str
    registry: str
    repository_pattern: str | None = None
    write: bool = True
    closes_gaps: bool = False
    unheard: Unheard = field(default_factory=Unheard)


@dataclass(frozen=True, slots=True)
class Means:
    """`tell` hears (repositories done, of how many, the next one's name); `wait` is given seconds."""

    engine: Engine
    remote: RemoteRegistry
    policy: Policy
    tell: Callable[[int, int, str], None] = lambda _done, _all, _name: None
    wait: Callable[[float], None] = time.sleep


def reconcile(asked: Asked, means: Means, by: str) -> Walked:
    """What differs, written unless `asked` says otherwise, with a record of the walk; `by` is who wants it.

    Raises OutboundError or CredentialsError where the registry can't be asked at all, and UnavailableError.
    """
    walked = Walked(uuid.uuid4().hex[:16], asked.origin, asked.registry, time.time_ns(), asked.repository_pattern)
    walk = _Walk(asked, means, walked)
    if asked.write:
        detail = {"registry": asked.registry, "repository": asked.repository_pattern, "run": walked.run}
        note_action(means.engine, Action(by, "origin.reconcile", asked.origin, detail))
    with reading(means.engine) as connection:
        missed = heard.gaps(connection, asked.origin) if asked.closes_gaps else []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="reconcile") as threads:
        doubtful = walk.all_repositories(threads)
        walk.again(threads, doubtful)
    if asked.write:
        walked.gaps = [(gap.journal, gap.after, gap.upto) for gap in missed if walked.closes_gaps]
        walk.take_in([record(walked, time.time_ns())])
        walk.close(missed)
    return walked


@dataclass(frozen=True, slots=True)
class _Question:
    """`listed`: the registry says that the tag exists."""

    repository: str
    tag: str
    listed: bool


@dataclass(frozen=True, slots=True)
class _Walk:
    asked: Asked
    means: Means
    walked: Walked
    _catalog: set[str] = field(default_factory=set)

    def all_repositories(self, threads: ThreadPoolExecutor) -> list[Seen]:
        """Compare every repository; what contradicts an event that is too young."""
        self.walked.catalog = whole = self._read_catalog()
        names = sorted(name for name in self._catalog | self._known_repositories() if self._is_wanted(name))
        doubtful: list[Seen] = []
        for done, name in enumerate(names):
            self.means.tell(done, len(names), name)
            listed = self._listed(name, gone=whole and name not in self._catalog)
            if listed is not None:
                seen = self._ask_all(threads, self._questions(name, listed))
                self.walked.repositories += 1
                self.walked.tags += len(seen)
                doubtful += self._compare(seen)
        self.means.tell(len(names), len(names), "")
        return doubtful

    def again(self, threads: ThreadPoolExecutor, doubtful: Sequence[Seen]) -> None:
        """Ask once more what contradicted a young event, when that is young no more; what still moves is left."""
        if not doubtful:
            return
        self.means.wait(FRESH_NS / SECOND_NS)
        seen = self._ask_all(
            threads, [_Question(one.repository, one.tag, one.points_to != ABSENT) for one in doubtful]
        )
        self.walked.moving += [f"{one.repository}:{one.tag}" for one in self._compare(seen)]

    def take_in(self, reports: Sequence[Report]) -> None:
        parcel = Parcel(asking(self.asked.registry), Reading(tuple(reports)), time.time_ns())
        ingest(self.means.engine, [parcel], self.means.policy)

    def close(self, missed: Sequence[Span]) -> None:
        """What was missed is known now, if the walk left nothing out."""
        if self.walked.closes_gaps and missed:
            with writing(self.means.engine) as connection:
                head.lock(connection)
                heard.add(connection, missed)

    def _read_catalog(self) -> bool:
        """Whether the registry told all its repositories. Many have no catalog, or one for administrators alone."""
        try:
            for name in self.means.remote.list_repositories():
                self._catalog.add(name)
        except RemoteError:
            return False
        return True

    def _known_repositories(self) -> set[str]:
        with reading(self.means.engine) as connection:
            return set(events.repositories_of(connection, self.asked.registry))

    def _is_wanted(self, repository: str) -> bool:
        if leaves_out(self.asked.unheard, repository, None):
            return False
        return self.asked.repository_pattern is None or glob_matches(self.asked.repository_pattern, repository)

    def _listed(self, repository: str, *, gone: bool) -> set[str] | None:
        """The tags of a repository, or None if nobody can tell. `gone`: the whole catalog is without it."""
        try:
            return set(self.means.remote.list_tags(repository))
        except TagtrailError as error:
            if gone and isinstance(error, RemoteError) and error.code == "NAME_UNKNOWN":
                return set()
            self.walked.failures.append(f"{repository}: {error}")
            return None

    def _questions(self, repository: str, listed: set[str]) -> list[_Question]:
        with reading(self.means.engine) as connection:
            present = tags.present(connection, self.asked.registry, repository)
        wanted = [tag for tag in sorted(listed | present) if not leaves_out(self.asked.unheard, repository, tag)]
        return [_Question(repository, tag, tag in listed) for tag in wanted]

    def _ask_all(self, threads: ThreadPoolExecutor, questions: Sequence[_Question]) -> list[Seen]:
        return [answer for answer in threads.map(self._ask, questions) if answer is not None]

    def _ask(self, question: _Question) -> Seen | None:
        repository, tag, asked_ns = question.repository, question.tag, time.time_ns()
        try:
            found = self.means.remote.head_manifest(repository, tag)
        except TagtrailError as error:
            self.walked.failures.append(f"{repository}:{tag}: {error}")
            return None
        if found is not None:
            return Seen(repository, tag, str(found.digest), asked_ns, found.media_type or None, found.size)
        if question.listed:  # a manifest of a kind that we don't accept is a 404 too
            self.walked.failures.append(f"{repository}:{tag}: it is listed, but there is no such manifest")
            return None
        return Seen(repository, tag, ABSENT, asked_ns)

    def _compare(self, seen: Iterable[Seen]) -> list[Seen]:
        """Note and write what differs. What was told meanwhile is known too: it is read after the answers."""
        keys = {TagKey(self.asked.registry, one.repository, one.tag): one for one in seen}
        with reading(self.means.engine) as connection:
            known = tags.load(connection, keys)
        doubtful, reports = [], []
        for key, one in keys.items():
            found = difference(known.get(key), one)
            if found is not None and is_fresh(known.get(key), one):
                doubtful.append(one)
            elif found is not None:
                self.walked.differences.append(found)
                reports.append(reconciled(self.walked, found, one))
        if reports and self.asked.write:
            self.take_in(reports)
        return doubtful
